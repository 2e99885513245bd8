"""Which engine does a model run on? The fused one where both give the same figures on it.

engine = choose_engine(model)
engine.found       # its name, and the differences found or the reason against fused
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.engines.base import Engine
from workbench.engines.fused import FusedEngine
from workbench.engines.hooked import HookedEngine
from workbench.errors import InputError, first_line
from workbench.models import TOLERANCE, UNIFORM, Model, RowEdits, chosen_heads
from workbench.options.loading import ENGINES
from workbench.types import Head

# Tokens of the check: more where a window is wider, so that it cuts something off.
N_POS, MOST_POS = 40, 512
# How far the effect of uniform heads may be from that on the hooked engine, as a share of it: half
# precision blurs each token's loss, and no blur looks like the effect of half of all heads.
EFFECT_TOLERANCE = 0.25
# Column means are at most 1; losses are compared by the tolerance of the self-check.
COLUMN_TOLERANCE = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def choose_engine(model: Model, wanted: str = "auto") -> Engine:
    """The engine that passes over `model` are to run on, and why, in its `found`.

    `auto` takes the fused engine where it gives the hooked one's figures on this model. Raises
    InputError for an unknown engine, and for `fused` where it does not.
    """
    if wanted not in ENGINES:
        raise InputError(f"the engine is '{wanted}'", expected=" or ".join(ENGINES))
    if wanted == "hooked":
        return HookedEngine(model, found={"reason": "asked for"})
    fused, found = _checked(model)
    if fused is not None:
        fused.found |= found
        return fused
    if wanted == "fused":
        raise InputError(
            f"the model {model.info.id} cannot run on the fused engine: {found['reason']}",
            do="leave out --engine, or pass --engine hooked",
        )
    return HookedEngine(model, found=found)


def _checked(model: Model) -> tuple[FusedEngine | None, dict[str, Any]]:
    """The fused engine where it agrees with the hooked one, and the figures or the reason."""
    if model.plain is None:
        reason = "its network takes no attention function, or is spread, packed or made elsewhere"
        return None, {"reason": reason}
    try:
        fused = FusedEngine(model)
        figures, reason = difference_of_engines(fused, HookedEngine(model))
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as err:
        return None, {"reason": f"its network fails under fused attention ({first_line(err)})"}
    return (None, {"reason": reason, **figures}) if reason else (fused, figures)


def difference_of_engines(fused: FusedEngine, hooked: HookedEngine) -> tuple[dict[str, float], str]:
    """Largest differences on a few random tokens, and the reason not to use the fused engine.

    Column means of all heads of every layer, clean losses, losses with half of the heads uniform,
    and `effect`: what these heads change in the fused losses along what they change in the hooked
    ones (1 where both agree, 0 where the fused engine leaves the heads as they are). Half of them,
    because two of hundreds are lost in the blur of half precision; drawn, because a regular set
    looks the same with its heads or layers shifted. `decoded` is the loss of the last token with
    the keys and values of those before it in a cache.
    """
    model = hooked.model
    ids, dtype = _random_ids(model), model.hooked.cfg.dtype
    every = [Head(i, h) for i in range(model.n_layers) for h in range(model.n_heads)]
    drawn = torch.randperm(len(every), generator=torch.Generator().manual_seed(2)).tolist()
    uniform = sorted(every[i] for i in drawn[: (len(every) + 1) // 2])
    spans = torch.tensor([[(0, ids.shape[1])] * len(ids)])
    counted = torch.ones(ids.shape, dtype=torch.bool)
    counted[:, 0] = False
    (base, weak), (hooked_base, hooked_weak) = (
        _clean_and_weak(engine, uniform, ids, counted) for engine in (fused, hooked)
    )
    figures = {
        "columns": _difference(*(e.columns(every, ids, spans) for e in (fused, hooked))),
        "losses": _difference(base, hooked_base),
        "uniform": _difference(weak, hooked_weak),
        "effect": _along(
            weak.double() - base.double(), hooked_weak.double() - hooked_base.double()
        ),
        "decoded": _difference(_behind_a_cache(fused, uniform, ids), weak[:, -1]),
    }
    loose = TOLERANCE.get(dtype, 1e-4) * max(1.0, float(base.max()))
    allowed = {"columns": COLUMN_TOLERANCE.get(dtype, 1e-4)}
    allowed |= dict.fromkeys(("losses", "uniform", "decoded"), loose)
    for name, most in allowed.items():
        figure = figures[name]
        if not figure <= most:  # also where it is no number
            return figures, f"its {name} differ from the hooked engine's by {figure:.1e}"
    if not abs(figures["effect"] - 1) <= EFFECT_TOLERANCE:
        return figures, f"uniform heads have {figures['effect']:.2f} of their effect there"
    return figures, ""


def _clean_and_weak(
    engine: Engine, heads: list[Head], ids: Tensor, counted: Tensor
) -> list[Float[Tensor, "batch pos"]]:
    found = {}
    for numbers, outcomes in engine.set_outcomes(ids, counted, [(), heads]):
        found[numbers[0]] = outcomes.losses
    return [found[0], found[1]]


def _behind_a_cache(
    engine: Engine, heads: list[Head], ids: Int[Tensor, "batch pos"]
) -> Float[Tensor, " batch"]:
    """Losses of the last token; all before the one that predicts it are in a cache by then."""
    edits, cache = RowEdits(UNIFORM, chosen_heads([heads] * len(ids), engine.model)), None
    with engine.editing(edits):
        cache = engine.new_cache()
        ids = ids.to(engine.model.device)
        engine.next_logits(ids[:, :-2], cache)
        edits.first = ids.shape[1] - 2
        logits = engine.next_logits(ids[:, -2:-1], cache)
    return torch.nn.functional.cross_entropy(logits, ids[:, -1], reduction="none")


def _random_ids(model: Model) -> Int[Tensor, "batch pos"]:
    windows = [window + 2 for window in model.windows if window is not None]
    wanted = max([N_POS, *(n for n in windows if n <= MOST_POS)])
    n_pos = min(wanted, model.n_ctx)
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, model.hooked.cfg.d_vocab, (2, n_pos), generator=generator)


def _along(change: Float[Tensor, "batch pos"], wanted: Float[Tensor, "batch pos"]) -> float:
    """How much of `wanted` is in `change`, by least squares."""
    wanted = wanted.to(change.device)
    return float((change * wanted).sum() / (wanted * wanted).sum())


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.to(one.device).double()).abs().max())
