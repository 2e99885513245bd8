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
# Tokens of the check: more where a window is wider, so that it cuts something off.
N_POS, MOST_POS = 40, 512
# How far the effect of uniform heads may be from that on the hooked engine, as a share of it: half
# precision blurs each token's loss, and no blur looks like the effect of half of all heads.
EFFECT_TOLERANCE = 0.25
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

    Column means of all heads of every layer, clean losses, losses with half of the heads uniform,
    and `effect`: what these heads change in the fused losses along what they change in the hooked
    ones (1 where both agree, 0 where the fused engine leaves the heads as they are). Half of them,
    because two of hundreds are lost in the blur of half precision; drawn, because a regular set
    looks the same with its heads or layers shifted.
    """
    ids, dtype = _random_ids(model), model.hooked.cfg.dtype
    every = [Head(i, h) for i in range(model.n_layers) for h in range(model.n_heads)]
    drawn = torch.randperm(len(every), generator=torch.Generator().manual_seed(2)).tolist()
    uniform = sorted(every[i] for i in drawn[: (len(every) + 1) // 2])
    spans = torch.tensor([[(0, ids.shape[1])] * len(ids)], device=model.device)
    counted = torch.ones(ids.shape, dtype=torch.bool)
    counted[:, 0] = False
    base, weak = fused_weakened(model, uniform, ids, counted)
    hooked_base = token_losses(model, capture(model, ids).final, ids, counted)
    hooked_weak = _hooked_weak(model, uniform, ids, counted)
    figures = {
        "columns": _difference(fused_columns(model, every, ids, spans)[0], _hooked(model, ids)),
        "losses": _difference(base, hooked_base),
        "uniform": _difference(weak, hooked_weak),
        "effect": _along(
            weak.double() - base.double(), hooked_weak.double() - hooked_base.double()
        ),
    }
    loose = TOLERANCE.get(dtype, 1e-4) * max(1.0, float(base.max()))
    allowed = {"columns": COLUMN_TOLERANCE.get(dtype, 1e-4), "losses": loose, "uniform": loose}
    for name, most in allowed.items():
        figure = figures[name]
        if not figure <= most:  # also where it is no number
            return figures, f"its {name} differ from the hooked engine's by {figure:.1e}"
    if not abs(figures["effect"] - 1) <= EFFECT_TOLERANCE:
        return figures, f"uniform heads have {figures['effect']:.2f} of their effect there"
    return figures, ""


def _random_ids(model: Model) -> Int[Tensor, "batch pos"]:
    windows = [window + 2 for window in model.windows if window is not None]
    wanted = max([N_POS, *(n for n in windows if n <= MOST_POS)])
    n_pos = min(wanted, model.n_ctx)
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


def _along(change: Float[Tensor, "batch pos"], wanted: Float[Tensor, "batch pos"]) -> float:
    """How much of `wanted` is in `change`, by least squares."""
    wanted = wanted.to(change.device)
    return float((change * wanted).sum() / (wanted * wanted).sum())


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.to(one.device).double()).abs().max())
