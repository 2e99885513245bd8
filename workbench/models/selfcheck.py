"""Can heads of this model be made uniform at all? Asked once at load, kept in the manifest.

About thirty architectures of TransformerLens hand attention to the Hugging Face module, which
throws an edited pattern away with only a warning; every ablation on them would measure nothing.

    report = self_check(model)  # raises ModelRefusedError with the reason
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import ModelRefusedError
from workbench.models.edits import UNIFORM, RowEdits, chosen_heads, edit_hooks
from workbench.models.model import Model
from workbench.models.passes import capture, hooks, position_logits, replay
from workbench.models.points import pattern_hook, query_hooks
from workbench.types import Head

N_POS = 24
TOLERANCE = {torch.float32: 2e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def self_check(model: Model) -> dict[str, float]:
    """Check pattern edits and replay on a few random tokens; each figure is a largest difference.

    In every layer rows sum to 1. In one layer of each kind (with and without a sliding window) a
    uniform head changes the logits and equals the run with that head's queries at zero. Replaying
    captured blocks equals the full run, and the next clean run is bit-identical.
    """
    if (reason := known_obstacle(model)) is not None:
        _refuse(model, reason)
    tolerance = TOLERANCE.get(model.hooked.cfg.dtype, 1e-4)
    ids = _random_ids(model)
    with warnings.catch_warnings():
        # TransformerLens warns of a discarded edit; the refusal below says more.
        warnings.filterwarnings("ignore", message="A hook on .* returned a modified tensor")
        clean, row_sum = _clean_run(model, ids)
        if row_sum > max(tolerance, 1e-3):
            _refuse(model, f"rows of the attention pattern do not sum to 1 (off by {row_sum:.1e})")
        largest = tolerance * max(1.0, float(clean.abs().max()))
        report = {"row_sum": row_sum, **_check_edits(model, ids, clean, largest)}
        inputs = capture(model, ids, layers=(0,))
        replayed = position_logits(model, replay(model.hooked.blocks, inputs, from_layer=0)[:, -1])
        report["replay"] = _difference(replayed, clean[:, -1].float())
        if report["replay"] > largest:
            _refuse(
                model, f"replaying its blocks differs from a full run by {report['replay']:.1e}"
            )
        if not torch.equal(_logits(model, ids), clean):
            _refuse(model, "a clean run after an edited one differs, so the edit left a trace")
    return report


@dataclass(frozen=True)
class PlainPass:
    """A few random tokens and what the network makes of them before TransformerLens wraps it."""

    ids: Int[Tensor, "batch pos"]
    logits: Float[Tensor, "batch pos vocab"]


@torch.no_grad()
def plain_pass(network: Any) -> PlainPass:
    """One short pass as `transformers` computes it."""
    config = network.config.get_text_config()
    n_pos = min(N_POS, int(getattr(config, "max_position_embeddings", None) or N_POS))
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, config.vocab_size, (2, n_pos), generator=generator).to(network.device)
    return PlainPass(ids, network(ids, use_cache=False).logits.float())


def check_wrapped(model: Model, plain: PlainPass) -> float:
    """How far the wrapped network's logits are from the plain one's; ModelRefusedError if far."""
    found = _difference(_logits(model, plain.ids).float(), plain.logits)
    if not found <= TOLERANCE[torch.float32] * max(1.0, float(plain.logits.abs().max())):
        _refuse(
            model,
            f"TransformerLens computes other logits than `transformers` does (by {found:.1e})",
        )
    return found


def known_obstacle(model: Model) -> str | None:
    """Why heads of this attention cannot be made uniform, where the figures would not say it."""
    text_config = getattr(getattr(model.wrapped, "config", None), "get_text_config", None)
    stated = text_config() if text_config is not None else None
    if getattr(stated, "kv_lora_rank", None):
        return (
            "its heads are unpacked from latent vectors (multi-head latent attention): a part of "
            "each query is rotated, and TransformerLens cuts the outputs at another width than a "
            "head's"
        )
    if any(name.endswith(".sinks") for name, _ in model.hooked.named_parameters()):
        return (
            "each head gives a learned share of its attention to no token (a sink), so a uniform "
            "head could keep that share or lose it"
        )
    own = getattr(stated, "attn_config", None)
    biased = (
        getattr(model.hooked.cfg, "positional_embedding_type", None),
        *[getattr(of, "alibi", False) for of in (stated, own)],
    )
    if "alibi" in biased or True in biased or getattr(stated, "model_type", "") == "bloom":
        return (
            "a bias on distance (ALiBi) is all that tells its heads the order of tokens, so a head "
            "without queries is not uniform, and a uniform one loses the order too"
        )
    return None


def _random_ids(model: Model) -> Int[Tensor, "batch pos"]:
    # Not as many positions as heads: the axes of a query must be told apart by their lengths.
    n_pos = min(N_POS - (model.n_heads == N_POS), model.n_ctx)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.hooked.cfg.d_vocab, (2, n_pos), generator=generator)
    return ids.to(model.device)


def _logits(model: Model, ids: Tensor, added: Sequence[Any] = ()) -> Tensor:
    with hooks(model, list(added)):
        return model.hooked(ids, **model.pass_options)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other.to(one.device)).abs().max())


def _clean_run(model: Model, ids: Tensor) -> tuple[Float[Tensor, "batch pos vocab"], float]:
    """Logits, and how far any row of any layer's pattern is from summing to 1."""
    off: dict[int, float] = {}

    def look_at(layer: int) -> Any:
        def look(pattern: Tensor, hook: Any) -> None:
            off[layer] = float((pattern.float().sum(-1) - 1).abs().max())

        return pattern_hook(layer), look

    named = [look_at(layer) for layer in range(model.n_layers)]
    there = [(name, look) for name, look in named if name in model.hooked.hook_dict]
    logits = _logits(model, ids, there)
    for layer, (name, _) in enumerate(named):
        if layer not in off:
            _refuse(model, f"`{name}` never fires, so heads cannot be read or edited")
    return logits, max(off.values())


def _check_edits(model: Model, ids: Tensor, clean: Tensor, largest: float) -> dict[str, float]:
    """One uniform head in a middle layer of every kind; the smallest effect, the largest error."""
    by_kind: dict[int | None, list[int]] = {}
    for layer, window in enumerate(model.windows):
        by_kind.setdefault(window, []).append(layer)
    effects, errors, head = [], [], model.n_heads - 1
    for layers in by_kind.values():
        layer = layers[len(layers) // 2]
        uniform = chosen_heads([[Head(layer, head)]], model, n_batch=len(ids))
        edited = _logits(model, ids, edit_hooks(model, RowEdits(UNIFORM, uniform)))
        effects.append(_difference(edited, clean))
        if effects[-1] == 0.0:
            _refuse(
                model,
                "an edited attention pattern changes nothing: this architecture hands attention "
                "to the Hugging Face module",
            )
        zeroed = _zero_query_run(model, ids, layer, head)
        errors += [] if zeroed is None else [_difference(zeroed, edited)]
        if errors and errors[-1] > largest:
            _refuse(
                model,
                f"a uniform head differs from the head with zero queries by "
                f"{errors[-1]:.1e}, so its attention is not plain causal softmax",
            )
    return {"effect": min(effects), **({"query_zeroed": max(errors)} if errors else {})}


def _zero_query_run(model: Model, ids: Tensor, layer: int, head: int) -> Tensor | None:
    """Logits with one head's rotated, normalised queries at zero; None where no hook gives them."""
    fired: list[bool] = []

    def zero(query: Tensor, hook: Any) -> Tensor:
        axes = [i for i in (1, 2) if query.shape[i] == model.n_heads and query.ndim == 4]
        query = query.clone()
        if len(axes) == 1:
            query.select(axes[0], head).zero_()
            fired.append(True)
        elif query.ndim == 3 and query.shape[-1] % model.n_heads == 0:
            d_head = query.shape[-1] // model.n_heads
            query[..., head * d_head : (head + 1) * d_head] = 0
            fired.append(True)
        return query

    for name in query_hooks(layer):
        if name in model.hooked.hook_dict:
            logits = _logits(model, ids, [(name, zero)])
            if fired:
                return logits
    return None


def _refuse(model: Model, reason: str) -> NoReturn:
    raise ModelRefusedError(
        f"the model {model.info.id} cannot be used: {reason}",
        do="choose a model whose attention TransformerLens computes itself "
        "(Llama, Qwen2, Qwen3, Mistral, Gemma, GPT-2, OLMo, Phi-3, Granite, Cohere do)",
    )
