"""The plan of finding heads, beside the work it prices: what is read and how it is cut is shared.

plan_heads(source, probe_path, HeadsOptions())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.ablation import iter_importance
from workbench.circuits import counted_window, facts_passes, n_selected
from workbench.data import Tally, batches_by_length, read_usable
from workbench.engines import Engine
from workbench.engines import batch_tokens as free_tokens
from workbench.models import Model, ModelSource, Rendered
from workbench.models.render import PROMPT
from workbench.options import (
    ALONE,
    CONTROL,
    RECOGNISED,
    HeadsOptions,
    ProbeOptions,
    ReadOptions,
    WorkerOptions,
)
from workbench.options.heads import RACES
from workbench.probe import rendered_probe, usable_samples
from workbench.stages.calibrate import extrapolated, extrapolated_text, plan_of, timed
from workbench.stages.engine import engine_of, plan_of_workers
from workbench.stages.heads.exact import control_rows, probe_batches
from workbench.stages.heads.find import check_options, probe_of, race_options
from workbench.stages.heads.race import expected_passes
from workbench.stages.probe import plan_probe
from workbench.types import Head

# A batch of the calibration, and half of one: large enough that a pass computes, not begins.
CALIBRATION_TOKENS = 512


def plan_heads(
    source: ModelSource,
    probe: Path | list[str],
    options: HeadsOptions,
    *,
    control: Sequence[str] = (),
    control_how: ReadOptions = RECOGNISED,
    drawn: ProbeOptions | None = None,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> dict[str, Any]:
    """A clean pass, and for each head the layers from its own on: (L+1)/2 of a pass each layer.

    A race takes fewer, how many fewer is a guess until it has been run. Where `probe` is data, what
    it takes to choose the probe from it, as `drawn` says, comes first.
    """
    check_options(options, control, workers)
    engine = engine_of(source)
    model, tokens = engine.model, batch_tokens or free_tokens(engine)
    parts, tally = [_of_probe(model, probe, drawn.n if drawn else None, how)], Tally(whose=CONTROL)
    if control:
        rows = control_rows(model, control, options, control_how, tally)
        parts.append(rendered_probe(model, rows))
    parts = [counted_window(part, options.count) for part in parts]
    rendered, batches = _together(parts, tokens)
    exact = passes = 1 + model.n_heads * (model.n_layers + 1) / 2
    if options.method in RACES:
        passes = expected_passes(model.info, max(1, len(rendered)), race_options(options))
    if options.rank in ("contribution", "both") and options.ablation != "mean":
        passes += exact
    n_circuit = n_selected(
        model.n_layers * model.n_heads, options.fraction, min_heads=options.min_heads
    )
    passes += facts_passes(model.n_layers, n_circuit, len(parts[0]))
    seconds = seconds_of_heads(engine, rendered, tokens) * passes / exact if rendered else 0.0
    lengths = [len(r.ids) for r in rendered]
    plan = plan_of(engine, lengths, tokens, passes=passes, batches=batches, seconds=seconds)
    if not isinstance(probe, Path):
        chosen = drawn or ProbeOptions()
        first = plan_probe(source, probe, chosen, how=how, batch_tokens=batch_tokens)
        plan = _after_probe(plan, first)
    read = {"read_control": tally.summary()} if control else {}
    return plan | read | plan_of_workers(workers, source, plan["estimated_seconds"])


def _of_probe(
    model: Model, probe: Path | list[str], n: int | None, how: ReadOptions
) -> list[Rendered]:
    """The probe's rows; of data that a probe is still to be chosen from, the first `n`."""
    if isinstance(probe, Path):
        return rendered_probe(model, probe_of(probe, model))
    return list(usable_samples(model, read_usable(probe, how)).values())[:n]


def _together(
    parts: Sequence[Sequence[Rendered]], batch_tokens: int
) -> tuple[list[Rendered], list[list[int]]]:
    """All rows, and the batches of each part."""
    rendered: list[Rendered] = []
    batches: list[list[int]] = []
    for part in parts:
        batches += [[len(rendered) + i for i in b] for b in probe_batches(part, batch_tokens)]
        rendered += part
    return rendered, batches


def _after_probe(plan: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    parts = {"probe": first["estimated_seconds"], "heads": plan["estimated_seconds"]}
    return plan | {
        "forward_passes": round(first["forward_passes"] + plan["forward_passes"], 1),
        "tokens": first["tokens"] + plan["tokens"],
        "estimated_seconds": round(sum(parts.values()), 1),
        "seconds_by_part": parts,
        "read": first["read"],
    }


def seconds_of_heads(engine: Engine, rendered: Sequence[Rendered], batch_tokens: int) -> float:
    """Seconds of the exact importance of all heads on these samples.

    A clean pass, one with a head of the first layer and one with a head of the last are timed on
    two small batches each. What a head takes falls evenly from the first layer to the last, so the
    two tell the mean; what a batch takes is a line in its positions, or for one long text a
    parabola through nothing.
    """
    model, lengths = engine.model, [len(r.ids) for r in rendered]
    batches = batches_by_length(lengths, max_tokens=batch_tokens)
    chosen = batches[len(batches) // 2]
    width = max(lengths[i] for i in chosen)
    small, large = _two_batches([rendered[i] for i in chosen], width)

    def run(rows: list[Rendered], heads: list[Head]) -> None:
        for _ in iter_importance(engine, rows, batches=[list(range(len(rows)))], heads=heads):
            pass

    first, last = [Head(0, 0)], [Head(model.n_layers - 1, 0)]
    run(small, first)
    of_work = {
        name: [timed(lambda rows=rows, heads=heads: run(rows, heads)) for rows in (small, large)]
        for name, heads in (("clean", []), ("first", first), ("last", last))
    }
    n_positions = [sum(len(r.ids) for r in rows) for rows in (small, large)]
    curve = extrapolated if len(large) > len(small) else extrapolated_text
    full = len(chosen) * width
    clean, one, other = (curve(n_positions, seconds, full) for seconds in of_work.values())
    head = max(0.0, (one + other) / 2 - clean)
    share = sum(lengths) / full
    return share * (clean + model.n_layers * model.n_heads * head)


def _two_batches(rows: list[Rendered], width: int) -> tuple[list[Rendered], list[Rendered]]:
    """Of so many tokens as a calibration takes, and of half as many; a long text is cut."""
    n_rows = CALIBRATION_TOKENS // width
    if n_rows >= 2 and len(rows) >= 2:
        n_rows = min(n_rows, len(rows))
        return rows[: n_rows // 2], rows[:n_rows]
    most = min(width, CALIBRATION_TOKENS)
    longest = max(rows, key=lambda r: len(r.ids))
    return [_cut(longest, most // 2)], [_cut(longest, most)]


def _cut(row: Rendered, n: int) -> Rendered:
    """The first `n` tokens, all of them counted."""
    parts = np.full(n, PROMPT, dtype=row.parts.dtype)
    return replace(row, ids=row.ids[:n], parts=parts, is_text=True, chars=None)
