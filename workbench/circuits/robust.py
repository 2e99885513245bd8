"""The heads that stay in the circuit whatever an analyst chooses: consensus over finished settings.

    settings = [Setting("heads-exact-1a2b3c4d", heads), Setting("heads-exact-5e6f7a8b", heads)]
    robust_heads(settings, keep=1.0).heads[0].kept

A setting is one circuit of the model: a probe, its source, a kind of ablation, the losses counted.
Idea: consensus over analyst choices, as in CIRCUS (2026), and circuits over resampled probes (arXiv
2606.16920); the rule is ours (docs/methods.md, Robust circuits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from workbench.circuits.heads import circuit_of, ordered_heads
from workbench.errors import InputError
from workbench.models import check_same_model
from workbench.names import head_name
from workbench.types import HeadScore, HeadScores

METHOD = "robust"
SEVERAL = "several"
# Shares are of whole settings, and 2/3 of them must pass a rule of 0.667 no more than 0.66.
TOLERANCE = 1e-9


class Setting(NamedTuple):
    """One finished run of heads, and the data that its probe was drawn from, where known."""

    run: str
    heads: HeadScores
    data: tuple[str, ...] = ()


def robust_heads(settings: Sequence[Setting], *, keep: float = 1.0) -> HeadScores:
    """Every head with the share of settings whose circuit has it; those of at least `keep` stay.

    `delta`, `stability`, `contribution` and `sink_share` are means over the settings (that have
    them), the interval reaches from the lowest to the highest end, ranks are by share, then by mean
    rank. InputError for fewer than two settings, one that comes twice, another model, retrieval
    scores, or if no head is kept often enough.
    """
    _check(settings, keep)
    by_setting = [sorted(s.heads.heads, key=lambda h: (h.layer, h.head)) for s in settings]
    is_kept = np.array([[h.selected for h in of_one] for of_one in by_setting])
    kept = is_kept.mean(axis=0)
    selected = kept >= keep - TOLERANCE
    if not selected.any():
        raise _nothing_kept(kept, len(settings), keep, settings[0].heads)
    ranks = _numbers(by_setting, lambda h: h.rank).mean(axis=0)
    numbers = {
        "delta": _numbers(by_setting, lambda h: h.delta).mean(axis=0),
        "ci_low": _numbers(by_setting, lambda h: h.ci_low).min(axis=0),
        "ci_high": _numbers(by_setting, lambda h: h.ci_high).max(axis=0),
        "stability": _numbers(by_setting, lambda h: h.stability).mean(axis=0),
        "kept": kept,
    }
    order = np.lexsort((ranks, -kept))
    facts = [_facts([of_one[place] for of_one in by_setting]) for place in range(len(order))]
    first = settings[0].heads
    heads = ordered_heads(
        order, int(selected.sum()), numbers, n_heads=first.model.n_heads, facts=facts
    )
    return HeadScores(
        model=first.model,
        method=METHOD,
        probe={"strategy": SEVERAL},
        base_loss=float(np.mean([s.heads.base_loss for s in settings])),
        n_samples=sum(s.heads.n_samples for s in settings),
        heads=heads,
        ablation=_common([s.heads.ablation for s in settings]),
        rank_by="kept",
        robust=_consensus(settings, is_kept, heads, keep=keep),
    )


def _check(settings: Sequence[Setting], keep: float) -> None:
    if not 0 < keep <= 1:
        raise InputError(f"keep is {keep}", expected="a share of the settings above 0 and up to 1")
    if len(settings) < 2:
        raise InputError(
            "there is one setting, so nothing to agree with" if settings else "there is no setting",
            expected="at least two runs of heads",
            do="pass several runs after --heads, or --data to run them on",
        )
    names = [s.run for s in settings]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the run '{twice}' is given twice", do="leave one of them out")
    for setting in settings:
        check_same_model(setting.heads.model, settings[0].heads.model)
        if setting.heads.method in ("retrieval", METHOD):
            raise InputError(
                f"'{setting.run}' is a run of {setting.heads.method} heads",
                expected="runs of `workbench heads find` by loss: exact, race or screen",
                do="leave it out",
            )


def _numbers(
    by_setting: Sequence[Sequence[HeadScore]], of: Callable[[HeadScore], float]
) -> Float64[np.ndarray, "setting all_heads"]:
    return np.array([[float(of(h)) for h in of_one] for of_one in by_setting])


def _facts(of_head: Sequence[HeadScore]) -> dict[str, Any]:
    """Means over the settings that measured them; idle where it was in half of those or more."""
    known = {
        name: [value for h in of_head if (value := getattr(h, name)) is not None]
        for name in ("contribution", "sink_share", "idle")
    }
    means = {name: float(np.mean(found)) for name, found in known.items() if found}
    if "idle" in means:
        means["idle"] = means["idle"] >= 0.5
    return means


def _consensus(
    settings: Sequence[Setting],
    is_kept: Bool[np.ndarray, "setting all_heads"],
    heads: Sequence[HeadScore],
    *,
    keep: float,
) -> dict[str, Any]:
    """What was agreed on, how far the settings agree in pairs, and what chance would leave."""
    sizes = is_kept.sum(axis=1)
    overlaps = [(a & b).sum() / (a | b).sum() for a, b in combinations(is_kept, 2)]
    return {
        "settings": [_described(setting) for setting in settings],
        "keep": keep,
        "strict": _named(heads, 1.0),
        "majority": _named(heads, math.nextafter(0.5, 1)),
        "idle": [head_name(h.layer, h.head) for h in _by_rank(heads) if h.idle and h.kept],
        "overlap": float(np.mean(overlaps)),
        "strict_by_chance": float(np.prod(sizes / len(heads)) * len(heads)),
    }


def _named(heads: Sequence[HeadScore], least: float) -> list[str]:
    """The heads of at least this share, best rank first."""
    return [
        head_name(h.layer, h.head)
        for h in _by_rank(heads)
        if h.kept is not None and h.kept >= least - TOLERANCE * (least == 1.0)
    ]


def _by_rank(heads: Sequence[HeadScore]) -> list[HeadScore]:
    return sorted(heads, key=lambda h: h.rank)


def _described(setting: Setting) -> dict[str, Any]:
    heads = setting.heads
    return {
        "run": setting.run,
        "method": heads.method,
        "ablation": heads.ablation,
        "rank_by": heads.rank_by,
        "count": heads.probe.get("count", "all"),
        "data": list(setting.data),
        "strategy": heads.probe.get("strategy"),
        "seed": heads.probe.get("seed"),
        "n_samples": heads.n_samples,
        "n_circuit": len(circuit_of(heads).heads),
    }


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else SEVERAL


def _nothing_kept(
    kept: Float64[np.ndarray, " all_heads"], n_settings: int, keep: float, heads: HeadScores
) -> InputError:
    best = int(kept.argmax())
    name = head_name(*divmod(best, heads.model.n_heads))
    return InputError(
        f"no head is in the circuit in {keep:.0%} of the {n_settings} settings",
        expected=f"a share of at most {kept[best]:.4g}, in which {name} is",
        do=f"pass --keep {math.floor(1000 * kept[best]) / 1000:g}",
    )
