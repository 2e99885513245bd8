"""Which engine does a model run on? The fused one where both give the same figures on it.

model = with_engine(model, "auto")
model.facts["engine"]  # its name, and the differences found or the reason against fused
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import InputError, first_line
from workbench.models.forward import capture, hooks, token_losses
from workbench.models.fused import fused_columns, fused_weakened
from workbench.models.model import Model, pattern_hook
from workbench.models.selfcheck import TOLERANCE
from workbench.models.uniform import uniform_pattern
from workbench.types import Head

ENGINES = ("auto", "fused", "hooked")
N_POS = 40
# Column means are at most 1; losses are compared by the tolerance of the self-check.
COLUMN_TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def with_engine(model: Model, wanted: str = "auto") -> Model:
    """`model` with the engine that its scores are to run on, and why, among its facts.

    `auto` takes the fused engine where it gives the hooked one's figures on this model. Raises
    InputError for an unknown engine, and for `fused` where it does not.
    """
    if wanted not in ENGINES:
        raise InputError(f"the engine is '{wanted}'", expected=" or ".join(ENGINES))
    fused, found = None, {"reason": "asked for"}
    if wanted != "hooked":
        fused, found = _checked(model)
    if wanted == "fused" and fused is None:
        raise InputError(
            f"the model {model.info.id} cannot run on the fused engine: {found['reason']}",
            do="leave out --engine, or pass --engine hooked",
        )
    engine = {"name": "hooked" if fused is None else "fused", **found}
    return replace(model, fused=fused, facts={**model.facts, "engine": engine})


def _checked(model: Model) -> tuple[Any | None, dict[str, Any]]:
    """The shared network where it agrees with the hooked one, and the figures or the reason."""
    if model.plain is None:
        reason = "its network takes no attention function, or is spread, packed or made elsewhere"
        return None, {"reason": reason}
    try:
        figures, reason = difference_of_engines(replace(model, fused=model.plain))
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as err:
        return None, {"reason": f"its network fails under fused attention ({first_line(err)})"}
    return (None, {"reason": reason, **figures}) if reason else (model.plain, figures)


def difference_of_engines(model: Model) -> tuple[dict[str, float], str]:
    """Largest differences on a few random tokens, and the reason not to use the fused engine.

    Column means of all heads of every layer, clean losses, and losses with two heads uniform.
    """
    ids, dtype = _random_ids(model), model.hooked.cfg.dtype
    every = [Head(i, h) for i in range(model.n_layers) for h in range(model.n_heads)]
    uniform = [Head(model.n_layers // 2, 0), Head(model.n_layers - 1, model.n_heads - 1)]
    spans = torch.tensor([[(0, ids.shape[1])] * len(ids)], device=model.device)
    counted = torch.ones(ids.shape, dtype=torch.bool)
    counted[:, 0] = False
    base, weak = fused_weakened(model, uniform, ids, counted)
    figures = {
        "columns": _difference(fused_columns(model, every, ids, spans)[0], _hooked(model, ids)),
        "losses": _difference(base, token_losses(model, capture(model, ids).final, ids, counted)),
        "uniform": _difference(weak, _hooked_weak(model, uniform, ids, counted)),
    }
    loose = TOLERANCE.get(dtype, 1e-4) * max(1.0, float(base.max()))
    allowed = {"columns": COLUMN_TOLERANCE.get(dtype, 1e-4), "losses": loose, "uniform": loose}
    for name, figure in figures.items():
        if not figure <= allowed[name]:  # also where it is no number
            return figures, f"its {name} differ from the hooked engine's by {figure:.1e}"
    return figures, ""


def _random_ids(model: Model) -> Int[Tensor, "batch pos"]:
    n_pos = min(N_POS, model.n_ctx)
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, model.hooked.cfg.d_vocab, (2, n_pos), generator=generator)


def _hooked(model: Model, ids: Tensor) -> Float[Tensor, "batch all_heads pos"]:
    """Column means read off the patterns of all layers."""
    means: dict[int, Tensor] = {}

    def read(layer: int) -> Any:
        def keep(pattern: Tensor, hook: Any) -> None:
            means[layer] = pattern.double().mean(dim=2)

        return pattern_hook(layer), keep

    with hooks(model, [read(layer) for layer in range(model.n_layers)]):
        model.hooked(ids.to(model.device), **model.pass_options)
    return torch.cat([means[layer] for layer in range(model.n_layers)], dim=1)


def _hooked_weak(
    model: Model, heads: list[Head], ids: Tensor, counted: Tensor
) -> Float[Tensor, "batch pos"]:
    def make_uniform(layer: int, head: int) -> Any:
        def edit(pattern: Tensor, hook: Any) -> Tensor:
            pattern = pattern.clone()
            uniform = uniform_pattern(
                pattern.shape[-1], window=model.windows[layer], device=pattern.device
            )
            pattern[:, head] = uniform.to(pattern)
            return pattern

        return pattern_hook(layer), edit

    with hooks(model, [make_uniform(*head) for head in heads]):
        return token_losses(model, capture(model, ids).final, ids, counted)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.to(one.device).double()).abs().max())
