"""Can heads of this model be made uniform at all? Asked once at load, kept in the manifest.

About thirty architectures of TransformerLens hand attention to the Hugging Face module, which
throws an edited pattern away with only a warning; every ablation on them would measure nothing.

    report = self_check(model)  # raises ModelRefusedError with the reason
"""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.errors import ModelRefusedError
from workbench.models.forward import capture, hooks, position_logits, replay
from workbench.models.model import Model, pattern_hook
from workbench.models.uniform import uniform_pattern

N_POS = 24
TOLERANCE = {torch.float32: 2e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def self_check(model: Model) -> dict[str, float]:
    """Check pattern edits and replay on a few random tokens; each figure is a largest difference.

    Rows sum to 1; a uniform head changes the logits; it equals the run with that head's queries at
    zero; replaying captured blocks equals the full run; the next clean run is bit-identical.
    """
    dtype = next(model.hooked.parameters()).dtype
    tolerance = TOLERANCE.get(dtype, 1e-4)
    generator = torch.Generator().manual_seed(0)
    n_pos = min(N_POS, model.n_ctx)
    ids = torch.randint(0, model.hooked.cfg.d_vocab, (2, n_pos), generator=generator)
    ids = ids.to(model.device)
    layer, head = model.n_layers // 2, model.n_heads - 1

    clean, pattern = _run(model, ids, layer, None)
    if pattern is None:
        _refuse(model, f"`{pattern_hook(layer)}` never fires, so heads cannot be read or edited")
    row_sum = float((pattern.float().sum(-1) - 1).abs().max())
    if row_sum > max(tolerance, 1e-3):
        _refuse(model, f"rows of the attention pattern do not sum to 1 (off by {row_sum:.1e})")
    edited, _ = _run(model, ids, layer, head)
    effect = float((edited - clean).abs().max())
    if effect == 0.0:
        _refuse(
            model,
            "an edited attention pattern changes nothing: this architecture hands attention to "
            "the Hugging Face module",
        )
    report = {"row_sum": row_sum, "effect": effect}
    zeroed = _zero_query_run(model, ids, layer, head)
    if zeroed is not None:
        report["query_zeroed"] = float((zeroed - edited).abs().max())
        if report["query_zeroed"] > tolerance * max(1.0, float(clean.abs().max())):
            _refuse(
                model,
                f"a uniform head differs from the head with zero queries by "
                f"{report['query_zeroed']:.1e}, so its attention is not plain causal softmax",
            )
    inputs = capture(model, ids)
    replayed = position_logits(model, replay(model, inputs, from_layer=0)[:, -1])
    report["replay"] = float((replayed - clean[:, -1].float()).abs().max())
    if report["replay"] > tolerance * max(1.0, float(clean.abs().max())):
        _refuse(model, f"replaying its blocks differs from a full run by {report['replay']:.1e}")
    again, _ = _run(model, ids, layer, None)
    if not torch.equal(again, clean):
        _refuse(model, "a clean run after an edited one differs, so the edit left a trace")
    return report


def _run(
    model: Model, ids: Tensor, layer: int, uniform_head: int | None
) -> tuple[Float[Tensor, "batch pos vocab"], Tensor | None]:
    seen: list[Tensor] = []

    def look(pattern: Tensor, hook: Any) -> Tensor:
        if uniform_head is not None:
            uniform = uniform_pattern(
                pattern.shape[-1], window=model.windows[layer], device=pattern.device
            )
            pattern = pattern.clone()
            pattern[:, uniform_head] = uniform.to(pattern.dtype)
        seen.append(pattern)
        return pattern

    with hooks(model, [(pattern_hook(layer), look)]):
        logits = model.hooked(ids, return_type="logits", use_cache=False)
    return logits, seen[0] if seen else None


def _zero_query_run(model: Model, ids: Tensor, layer: int, head: int) -> Tensor | None:
    """Logits with one head's rotated, normalised queries at zero; None where no hook gives them."""
    names = [f"blocks.{layer}.attn.{name}" for name in ("hook_rot_q", "hook_q", "q.hook_out")]
    fired: list[bool] = []

    def zero(query: Tensor, hook: Any) -> Tensor:
        axes = [i for i, n in enumerate(query.shape) if i > 0 and n == model.n_heads]
        query = query.clone()
        if query.ndim == 4 and len(axes) == 1:
            query.select(axes[0], head).zero_()
            fired.append(True)
        elif query.ndim == 3 and query.shape[-1] % model.n_heads == 0:
            d_head = query.shape[-1] // model.n_heads
            query[..., head * d_head : (head + 1) * d_head] = 0
            fired.append(True)
        return query

    for name in names:
        if name in model.hooked.hook_dict:
            with hooks(model, [(name, zero)]):
                logits = model.hooked(ids, return_type="logits", use_cache=False)
            if fired:
                return logits
    return None


def _refuse(model: Model, reason: str) -> NoReturn:
    raise ModelRefusedError(
        f"the model {model.info.id} cannot be used: {reason}",
        do="choose a model whose attention TransformerLens computes itself "
        "(Llama, Qwen2, Qwen3, Mistral, Gemma, GPT-2, OLMo, Phi-3 do)",
    )
