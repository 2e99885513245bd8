"""The settings of a robust circuit, run where no finished run answers; and what they would cost.

    paths = run_settings(place, source, ["math"], SettingsOptions(n=4, probes=2, kinds=("zero",)))

Each source is drawn from alone, so that a head may be told that one kind of problem needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from workbench.models import ModelSource
from workbench.options import (
    RECOGNISED,
    HeadsOptions,
    ProbeOptions,
    ReadOptions,
    SettingsOptions,
)
from workbench.runs import Place
from workbench.stages.heads.find import heads_spec, run_heads
from workbench.stages.heads.plan import plan_heads
from workbench.stages.probe import ROWS, probe_spec, run_probe


def run_settings(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: SettingsOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
) -> list[Path]:
    """The `heads.json` of every setting, exact on its probe; finished runs answer."""
    found: list[Path] = []
    for one, probe in _probes(data, options):
        drawn = run_probe(place, source, [one], probe, how=how, batch_tokens=batch_tokens)
        found += [
            run_heads(place, source, drawn.result, asked, batch_tokens=batch_tokens).result
            for asked in _ways(options)
        ]
    return found


def plan_settings(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: SettingsOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
) -> dict[str, Any]:
    """How many settings there are, how many are finished, and what the others take.

    A source is timed once for each kind and window: its draws are priced alike.
    """
    n_settings, n_missing, passes, seconds = 0, 0, 0.0, 0.0
    priced: dict[tuple[str, HeadsOptions], dict[str, Any]] = {}
    for one, probe in _probes(data, options):
        folder = place.runs / probe_spec(source, [one], probe, how=how).name
        for asked in _ways(options):
            n_settings += 1
            if _is_finished(place, source, folder, asked, batch_tokens):
                continue
            n_missing += 1
            if (one, asked) not in priced:
                priced[one, asked] = plan_heads(
                    source, [one], asked, drawn=probe, how=how, batch_tokens=batch_tokens
                )
            plan = priced[one, asked]
            passes += plan["forward_passes"]
            seconds += plan["estimated_seconds"]
    return {
        "forward_passes": round(passes, 1),
        "estimated_seconds": round(seconds, 1),
        "settings": n_settings,
        "settings_to_run": n_missing,
    }


def _probes(data: Sequence[str], options: SettingsOptions) -> Iterator[tuple[str, ProbeOptions]]:
    """Each source with each of its draws."""
    for one, seed in product(data, range(options.probes)):
        yield one, ProbeOptions(n=options.n, strategy="random", seed=seed)


def _ways(options: SettingsOptions) -> list[HeadsOptions]:
    """How heads are looked for on each probe."""
    return [
        HeadsOptions(
            fraction=options.fraction, min_heads=options.min_heads, ablation=kind, count=count
        )
        for kind, count in product(options.kinds, options.counts)
    ]


def _is_finished(
    place: Place, source: ModelSource, probe: Path, asked: HeadsOptions, batch_tokens: int | None
) -> bool:
    """Whether the very question has an answer; a probe that is not drawn has none."""
    if not (probe / ROWS).is_file():
        return False
    spec = heads_spec(source, probe / ROWS, asked, batch_tokens=batch_tokens)
    return (place.runs / spec.name / spec.result_name).is_file()
