"""The exact search: every head on every sample, a part of the run for each batch of the probe.

    with open_run(Path("runs"), RunSpec("heads-exact", {}, {}, "heads.json")) as run:
        with open_engines(EngineOpening(source)) as engines:
            search = Search(Task(run, place), engine, engines, HeadsOptions(), 2048)
            heads = exact_heads(search, probe, control=(), summary={"n": 4})

What a batch gives is a function of the batch and an engine, so it is the same whoever does it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from workbench.ablation import (
    KINDS,
    MEAN,
    ImportanceBatch,
    Preparation,
    iter_importance,
    preparation,
)
from workbench.circuits import Importance, counted_window, rank_heads
from workbench.data import Tally, batches_by_length, read_usable
from workbench.distributed import Work
from workbench.engines import Engine
from workbench.models import Intervention, Model, Rendered
from workbench.options import CONTROL, RECOGNISED, HeadsOptions, ReadOptions
from workbench.probe import control_probe, rendered_probe
from workbench.runs import Task
from workbench.stages.engine import Engines
from workbench.stages.heads.deltas import (
    CONTRIBUTIONS,
    CONTROL_DELTAS,
    DELTAS,
    deltas_table,
    read_deltas,
)
from workbench.types import HeadScores, ProbeSet, Progress, no_progress


@dataclass(frozen=True)
class Search:
    """The exact search of one run: who works on it, and what is asked of all its series."""

    task: Task
    engine: Engine
    engines: Engines
    options: HeadsOptions
    tokens: int


def exact_heads(
    search: Search,
    probe: ProbeSet,
    *,
    control: Sequence[str],
    control_how: ReadOptions = RECOGNISED,
    summary: Mapping[str, Any],
) -> HeadScores:
    """Every head on every sample of the probe, and of the control where there is one."""
    run, engine, options = search.task.run, search.engine, search.options
    kind, rows = KINDS[options.ablation], None
    if control:
        # Before the long work, which rows that cannot be read would end.
        tally = Tally(whose=CONTROL)
        rows = control_rows(engine.model, control, options, control_how, tally)
        search.task.has_read(tally.summary(), name="read_control")
    importance = _measure(search, probe, kind)
    run.merge_parts(DELTAS)
    contributions, beside = (importance if kind is MEAN else None), None
    if options.rank in ("contribution", "both") and kind is not MEAN:
        contributions = _measure(search, probe, MEAN, series="contribution")
        run.merge_parts(CONTRIBUTIONS, series="contribution")
    if rows is not None:
        beside = _measure(search, rows, kind, series="control")
        run.merge_parts(CONTROL_DELTAS, series="control")
    return rank_heads(
        importance,
        engine.model.info,
        fraction=options.fraction,
        min_heads=options.min_heads,
        seed=options.seed,
        method=options.method,
        probe=summary,
        control=beside,
        control_probe={"data": list(control), "seed": options.seed},
        contributions=contributions,
        ablation=ablation_name(options.ablation),
        rank_by=options.rank,
    )


def ablation_name(kind: str) -> str:
    """The kind as `heads.json` has it."""
    return "uniform-causal" if kind == "uniform" else kind


def control_rows(
    model: Model, control: Sequence[str], options: HeadsOptions, how: ReadOptions, tally: Tally
) -> ProbeSet:
    """The draw of the rows of `control` that every head is run on as well; `tally` counts them."""
    rows = read_usable(control, how, tally=tally)
    return control_probe(model, rows, n=options.control_n, seed=options.seed)


def probe_batches(rendered: Sequence[Rendered], batch_tokens: int) -> list[list[int]]:
    """The batches that every head is run on: a part of the run each."""
    return batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)


def _measure(
    search: Search, probe: ProbeSet, kind: Intervention, *, series: str = ""
) -> Importance:
    """Importance of the whole probe; batches that an earlier attempt finished are read back."""
    run, model, options = search.task.run, search.engine.model, search.options
    rendered = counted_window(rendered_probe(model, probe), options.count)
    batches = probe_batches(rendered, search.tokens)
    ids = [sample.row_id for sample in probe.samples]
    n_total, progress = len(batches) * model.n_layers, search.task.progress(search.engine)
    missing = [i for i in range(len(batches)) if not run.has_part(i, series=series)]
    ablation = preparation(kind, rendered, seed=options.seed)
    n_done = len(batches) - len(missing)

    def tell(n_layers: int, _total: int, text: str) -> None:
        said = f"{series}: {text}{search.engines.note}" if series else text + search.engines.note
        progress(n_done * model.n_layers + n_layers, n_total, said)

    def works() -> Iterator[tuple[int, Work]]:
        for number in missing:
            batch = [(i, rendered[i]) for i in batches[number]]
            # A function of ours cannot be sent to another process, which would tell it nothing.
            layers = tell if search.engines.alone else no_progress
            yield number, partial(_deltas, batch, ablation, layers)

    for number, measured in search.engines.results(works()):
        run.write_part(number, deltas_table(measured, ids), series=series)
        n_done += 1
        if not search.engines.alone:
            tell(0, 0, f"batch of {len(batches[number])} samples")
    parts = [run.part(number, series=series) for number in range(len(batches))]
    return read_deltas(parts, model.n_layers, model.n_heads)


def _deltas(
    batch: Sequence[tuple[int, Rendered]],
    ablation: Preparation,
    on_progress: Progress,
    engine: Engine,
) -> ImportanceBatch:
    """The deltas of a batch: of what is passed alone, whose engine it is."""
    indices, rendered = zip(*batch, strict=True)
    (measured,) = iter_importance(
        engine,
        rendered,
        batches=[range(len(rendered))],
        ablation=ablation(engine),
        on_progress=on_progress,
    )
    return dataclasses.replace(measured, indices=tuple(indices[i] for i in measured.indices))
