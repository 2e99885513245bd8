"""What a configuration says of attention and logits, and whether two configurations agree.

    windows = layer_windows(config.get_text_config(), n_layers)
    check_configuration(hooked.cfg, config)  # raises ModelRefusedError with the first difference

A HookedTransformer carries a configuration of its own, chosen by the *name* it was loaded under.
Weights loaded under a relative's name run without complaint and give wrong numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.errors import ModelRefusedError

# TransformerLens writes these for one and the same function.
SAME_ACTIVATION = {"gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new", "swish": "silu"}

# Scalings of rotary positions by their name in a checkpoint: the switch and the factor of each in a
# HookedTransformer's configuration.
STRETCHED = {
    "llama3": ("use_NTK_by_parts_rope", "NTK_by_parts_factor"),
    "yarn": ("use_yarn_rope", "yarn_factor"),
}


def layer_windows(text_config: Any, n_layers: int) -> tuple[int | None, ...]:
    """Sliding window of each layer in tokens, the query itself included, or None."""
    if (kinds := getattr(text_config, "attention_layers", None)) is not None:  # GPT-Neo
        return tuple(int(text_config.window_size) if kind == "local" else None for kind in kinds)
    window = getattr(text_config, "sliding_window", None)
    kinds = getattr(text_config, "layer_types", None)
    if window is None or getattr(text_config, "use_sliding_window", True) is False:
        return (None,) * n_layers
    if kinds is None:
        return (int(window),) * n_layers
    return tuple(int(window) if kind == "sliding_attention" else None for kind in kinds)


def hooked_windows(cfg: Any) -> tuple[int | None, ...]:
    """The same of a HookedTransformer, by its own configuration."""
    n_layers, kinds = int(cfg.n_layers), getattr(cfg, "attn_types", None)
    if not getattr(cfg, "use_local_attn", False) or not kinds:
        return (None,) * n_layers
    return tuple(int(cfg.window_size) if kind == "local" else None for kind in kinds)


def logit_cap(of: Any, name: str) -> float | None:
    """A soft-cap from either kind of configuration; TransformerLens writes none as -1."""
    cap = getattr(of, name, None)
    return float(cap) if cap is not None and cap > 0 else None


def logit_scale(text_config: Any) -> float:
    """What final logits are multiplied by outside the blocks: Granite divides, Cohere scales."""
    divisor = getattr(text_config, "logits_scaling", None)
    return 1 / divisor if divisor else float(getattr(text_config, "logit_scale", None) or 1.0)


def check_configuration(cfg: Any, config: Any) -> None:
    """Raise ModelRefusedError where a HookedTransformer's `cfg` differs from its checkpoint's.

    A shorter context is let pass (TransformerLens cuts some to save memory, and shorter texts give
    the same numbers), a longer one is not.
    """
    for what, of_cfg, of_checkpoint in differences(cfg, config.get_text_config()):
        raise ModelRefusedError(
            f"the model '{getattr(cfg, 'model_name', 'custom')}' runs with {what} {of_cfg} and its "
            f"checkpoint was made with {of_checkpoint}",
            expected="the configuration that the weights were trained with",
            do="load them under their own name, or by folder with load_model",
        )


def differences(cfg: Any, config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, HookedTransformer's value and checkpoint's value of every setting that differs."""
    for what, of_cfg, of_checkpoint in _settings(cfg, config):
        if of_checkpoint is not None and of_cfg != of_checkpoint:
            yield what, of_cfg, of_checkpoint


def _settings(cfg: Any, config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Both values of each setting; None for what the checkpoint does not say."""
    for what, names in (
        ("n_layers", ("num_hidden_layers",)),
        ("n_heads", ("num_attention_heads",)),
        ("d_model", ("hidden_size",)),
        ("d_head", ("head_dim",)),
        ("d_mlp", ("intermediate_size", "n_inner", "ffn_dim")),
        ("d_vocab", ("vocab_size",)),
        ("eps", ("rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps")),
    ):
        yield what, getattr(cfg, what, None), _first(config, names)
    shared = getattr(cfg, "n_key_value_heads", None) or cfg.n_heads
    yield "n_key_value_heads", shared, _first(config, ("num_key_value_heads",))
    activation = _first(config, ("hidden_activation", "hidden_act", "activation_function"))
    yield "act_fn", _activation(cfg.act_fn), _activation(activation)
    longest = _first(config, ("max_position_embeddings",))
    if longest is not None:
        yield "n_ctx", cfg.n_ctx, min(cfg.n_ctx, longest)
    if getattr(cfg, "positional_embedding_type", None) == "rotary":
        yield from _rotary(cfg, config)
    windows = layer_windows(config, cfg.n_layers)
    yield "sliding windows", hooked_windows(cfg), windows
    for what, name in (
        ("output_logits_soft_cap", "final_logit_softcapping"),
        ("attn_scores_soft_cap", "attn_logit_softcapping"),
    ):
        yield what, logit_cap(cfg, what) or "none", logit_cap(config, name) or "none"


def _rotary(cfg: Any, config: Any) -> Iterator[tuple[str, Any, Any]]:
    """Rotary base, also that of windowed layers, dimensions rotated and how they are stretched."""
    rope = getattr(config, "rope_parameters", None) or {}
    by_kind = {kind: part for kind, part in rope.items() if isinstance(part, dict)}
    full = by_kind.get("full_attention", rope)
    yield "rotary_base", float(cfg.rotary_base), _number(full.get("rope_theta"))
    if "sliding_attention" in by_kind:
        local = getattr(cfg, "rotary_base_local", None) or cfg.rotary_base
        yield (
            "rotary_base_local",
            float(local),
            _number(by_kind["sliding_attention"].get("rope_theta")),
        )
    yield "rotary_dim", getattr(cfg, "rotary_dim", None) or cfg.d_head, _rotated(cfg, config, full)
    kind, factor = full.get("rope_type", "default"), _number(full.get("factor"))
    on = [known for known, (switch, _) in STRETCHED.items() if getattr(cfg, switch, False)]
    yield "rotary scaling", on[0] if on else "none", _scaling(kind)
    if kind in on:
        yield "rotary scaling factor", getattr(cfg, STRETCHED[kind][1], None), factor
    linear = float(getattr(cfg, "rotary_scaling_factor", 1.0))
    yield "linear rotary scaling", linear, factor if kind == "linear" else 1.0


def _rotated(cfg: Any, config: Any, rope: dict[str, Any]) -> int | None:
    """Dimensions of a head that the checkpoint rotates; None where it says nothing of rotation."""
    if (own := getattr(config, "rotary_dim", None)) is not None:
        return int(own)
    return round(rope.get("partial_rotary_factor", 1.0) * cfg.d_head) if rope else None


def _scaling(kind: str) -> str:
    """The scaling that changes short texts: `dynamic` only those longer than the trained context,
    and `linear` is compared by its factor."""
    return "none" if kind in ("default", "linear", "dynamic") else kind


def _first(config: Any, names: tuple[str, ...]) -> Any:
    return next((v for name in names if (v := getattr(config, name, None)) is not None), None)


def _activation(name: str | None) -> str | None:
    return SAME_ACTIVATION.get(name, name) if name is not None else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
