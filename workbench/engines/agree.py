"""Which engine does a model run on? The fused one where both give the same figures on it.

engine = choose_engine(model)
engine.found       # its name, and the differences found or the reason against fused
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from workbench.engines.base import Engine
from workbench.engines.fused import FusedEngine
from workbench.engines.hooked import HookedEngine
from workbench.errors import InputError, first_line
from workbench.models import TOLERANCE, UNIFORM, Model, RowEdits, chosen_heads, widened
from workbench.names import head_name
from workbench.options.loading import ENGINES
from workbench.types import Head

# Tokens of the check: more where a window is wider, so that it cuts something off.
N_POS, MOST_POS = 40, 512
# How far the effect of uniform heads may be from that on the hooked engine, as a share of it.
EFFECT_TOLERANCE = 0.25
# In float32 the columns of a head, which sum to 1, are the same up to this sum of differences.
COLUMN_TOLERANCE = 1e-4
# In half precision the fused engine may be this many times as far from float32 as the hooked one:
# rounding differs from kernel to kernel (2.8 times at the worst of 540 heads, measured).
ROUNDING = 4.0


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


@dataclass(frozen=True)
class _Text:
    """A few random tokens, and the heads that are made uniform on them.

    Half of all heads, because two of hundreds change little; drawn, because a regular set looks the
    same with its heads or layers shifted.
    """

    model: Model

    @cached_property
    def ids(self) -> Int[Tensor, "batch pos"]:
        generator = torch.Generator().manual_seed(1)
        shape = (2, n_positions(self.model))
        return torch.randint(0, self.model.hooked.cfg.d_vocab, shape, generator=generator)

    @cached_property
    def every(self) -> list[Head]:
        return [Head(i, h) for i in range(self.model.n_layers) for h in range(self.model.n_heads)]

    @cached_property
    def half(self) -> list[Head]:
        n_heads, generator = len(self.every), torch.Generator().manual_seed(2)
        drawn = torch.randperm(n_heads, generator=generator).tolist()
        return sorted(self.every[i] for i in drawn[: (n_heads + 1) // 2])

    @property
    def counted(self) -> Bool[Tensor, "batch pos"]:
        counted = torch.ones(self.ids.shape, dtype=torch.bool)
        counted[:, 0] = False
        return counted

    def columns(self, engine: Engine) -> Float64[Tensor, "batch every_head pos"]:
        spans = torch.tensor([[(0, self.ids.shape[1])] * len(self.ids)])
        return engine.columns(self.every, self.ids, spans)[0].cpu().double()

    def losses(self, engine: Engine) -> Float64[Tensor, "batch pos"]:
        return engine.losses(self.ids, self.counted).cpu().double()

    def clean_and_weak(self, engine: Engine) -> list[Float64[Tensor, "batch pos"]]:
        """Losses as they are, and with half of the heads uniform."""
        found = engine.set_outcomes(self.ids, self.counted, [(), self.half])
        losses = {numbers[0]: outcomes.losses.cpu().double() for numbers, outcomes in found}
        return [losses[0], losses[1]]

    def behind_a_cache(self, engine: Engine) -> Float64[Tensor, " batch"]:
        """Losses of the last token; all before the one that predicts it are in a cache by then."""
        edits = RowEdits(UNIFORM, chosen_heads([self.half] * len(self.ids), self.model))
        ids = self.ids.to(self.model.device)
        with engine.editing(edits):
            cache = engine.new_cache()
            engine.next_logits(ids[:, :-2], cache)
            edits.first = ids.shape[1] - 2
            logits = engine.next_logits(ids[:, -2:-1], cache)
        losses = torch.nn.functional.cross_entropy(logits, ids[:, -1], reduction="none")
        return losses.cpu().double()


def n_positions(model: Model) -> int:
    """Tokens of the check's rows: some beyond every window that is not too wide for it."""
    windows = [window for window in model.windows if window is not None]
    reached = (min(w + max(2, w // 8), MOST_POS) for w in windows if w + 2 <= MOST_POS)
    return min(max([N_POS, *reached]), model.n_ctx)


def difference_of_engines(fused: FusedEngine, hooked: HookedEngine) -> tuple[dict[str, float], str]:
    """What the two differ by on a few random tokens, and the reason not to use the fused engine.

    In float32, where the same computation gives the same figures, and then in the model's own
    precision, where neither is right and the fused engine must be no further off than rounding
    explains.
    """
    text = _Text(hooked.model)
    with widened(text.model):
        exact = text.columns(hooked), text.clean_and_weak(hooked)
        figures, reason = _difference_in_float32(text, fused, *exact)
    if not reason and text.model.hooked.cfg.dtype != torch.float32:
        rounded, reason = _difference_by_rounding(text, fused, hooked, (exact[0], exact[1][0]))
        figures |= rounded
    return figures, reason


def _difference_in_float32(
    text: _Text, fused: FusedEngine, columns: Tensor, losses: list[Tensor]
) -> tuple[dict[str, float], str]:
    """Of both engines with weights widened; `columns` and `losses` are the hooked engine's.

    Largest differences of a head's columns and of losses, clean and with half of the heads uniform;
    `effect` is what these heads change in the fused losses along what they change in the hooked
    ones (1 where both agree, 0 where the fused engine leaves the heads as they are); `decoded` is
    the loss of the last token with the keys and values of those before it in a cache.
    """
    (base, weak), (hooked_base, hooked_weak) = text.clean_and_weak(fused), losses
    figures = {
        "columns": float(_off(text.columns(fused), columns).max()),
        "losses": _largest(base - hooked_base),
        "uniform": _largest(weak - hooked_weak),
        "effect": _along(weak - base, hooked_weak - hooked_base),
        "decoded": _largest(text.behind_a_cache(fused) - weak[:, -1]),
    }
    loose = TOLERANCE[torch.float32] * max(1.0, float(base.max()))
    allowed = {"columns": COLUMN_TOLERANCE}
    allowed |= dict.fromkeys(("losses", "uniform", "decoded"), loose)
    for name, most in allowed.items():
        figure = figures[name]
        if not figure <= most:  # also where it is no number
            return figures, f"its {name} differ from the hooked engine's by {figure:.1e}"
    if not abs(figures["effect"] - 1) <= EFFECT_TOLERANCE:
        return figures, f"uniform heads have {figures['effect']:.2f} of their effect there"
    return figures, ""


def _difference_by_rounding(
    text: _Text, fused: FusedEngine, hooked: HookedEngine, exact: tuple[Tensor, Tensor]
) -> tuple[dict[str, float], str]:
    """How far the engines are from float32, and the reason where the fused one is too far.

    Head by head, and for the losses of the tokens together. A head is allowed `ROUNDING` times what
    the hooked engine misses on it or on the mean head of its layer, or what the rounding of one
    pattern makes.
    """
    model = text.model
    least = torch.finfo(model.hooked.cfg.dtype).eps / 4
    of_fused, of_hooked = (_off(text.columns(e), exact[0]) for e in (fused, hooked))
    by_layer = of_hooked.reshape(model.n_layers, -1).mean(dim=1)
    usual = by_layer.repeat_interleave(model.n_heads)
    share = of_fused / torch.maximum(of_hooked, usual).clamp(min=least)
    missed, hooked_missed = (_rms(text.losses(e) - exact[1]) for e in (fused, hooked))
    figures = {
        "rounded_columns": float(of_fused.max()),
        "rounded_columns_hooked": float(of_hooked.max()),
        "rounded_columns_share": float(share.max()),
        "rounded_losses": missed,
        "rounded_losses_hooked": hooked_missed,
    }
    if not figures["rounded_columns_share"] <= ROUNDING:
        head = text.every[int(share.argmax())]
        return figures, (
            f"the columns of head {head_name(*head)} are {float(share.max()):.1f} times as "
            "far from float32 there as rounding explains"
        )
    if not missed <= ROUNDING * max(hooked_missed, least):
        return figures, (
            f"its losses are {missed:.1e} from float32, the hooked engine's {hooked_missed:.1e}"
        )
    return figures, ""


def _off(
    columns: Float64[Tensor, "batch every_head pos"], exact: Float64[Tensor, "batch every_head pos"]
) -> Float64[Tensor, " every_head"]:
    """Of each head the sum of differences in the row where that is largest; columns sum to 1."""
    return (columns - exact).abs().sum(dim=-1).amax(dim=0)


def _along(change: Float[Tensor, "batch pos"], wanted: Float[Tensor, "batch pos"]) -> float:
    """How much of `wanted` is in `change`, by least squares."""
    return float((change * wanted).sum() / (wanted * wanted).sum())


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())


def _rms(difference: Tensor) -> float:
    return float(difference.square().mean().sqrt())
