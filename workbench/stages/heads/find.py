"""Importance of every head as a run: parts of the probe, then `heads.json` and `deltas.parquet`.

A race of the heads (`workbench.stages.heads.race`) keeps what it measured in `raced.parquet`.

outcome = run_heads(place, source, probe_path, HeadsOptions(fraction=0.05))
importance, control = read_importance(outcome.run)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.ablation import KINDS, MEAN, iter_importance, prepare
from workbench.circuits import (
    Importance,
    counted_window,
    head_facts,
    heads_to_json,
    leading_heads,
    rank_heads,
    with_facts,
)
from workbench.config import file_digest
from workbench.data import batches_by_length, fingerprint_sources, read_usable
from workbench.engines import Engine
from workbench.engines import batch_tokens as free_tokens
from workbench.errors import InputError
from workbench.models import Intervention, Model, ModelSource, Rendered
from workbench.options import HeadsOptions, RaceOptions
from workbench.options.heads import RACES
from workbench.probe import control_probe, rendered_probe
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer, check_same_template
from workbench.stages.engine import engine_of
from workbench.stages.heads.deltas import (
    CONTRIBUTIONS,
    CONTROL_DELTAS,
    DELTAS,
    RACED,
    RESULT,
    deltas_table,
    read_deltas,
)
from workbench.stages.heads.race import SCHEDULE, raced_heads
from workbench.stages.probe import ROWS, read_probe
from workbench.types import HeadScores, ProbeSet

# Part of a run's name: runs of before have no contributions, and cannot answer.
FACTS = 1


def run_heads(
    place: Place,
    source: ModelSource,
    probe_path: Path,
    options: HeadsOptions,
    *,
    control: Sequence[str] = (),
    batch_tokens: int | None = None,
) -> Outcome:
    """Ablate every head on the probe at `probe_path`, or answer from a finished run.

    With `control` data (plain text, say) every head is ablated on a draw of its rows as well.
    """
    check_options(options, control)
    spec = heads_spec(source, probe_path, options, control=control, batch_tokens=batch_tokens)

    def work(task: Task) -> Finding:
        engine = engine_of(source)
        probe = probe_of(probe_path, engine.model)
        tokens = task.budget(batch_tokens, lambda: free_tokens(engine))
        summary = _summary(probe, probe_path, options)
        if options.method in RACES:
            asked = dataclasses.replace(race_options(options), batch_tokens=tokens)
            heads = raced_heads(task, engine, probe, asked, summary=summary)
            task.run.merge_parts(RACED)
        else:
            heads = _exact_heads(
                task, engine, probe, options, control=control, batch_tokens=tokens, summary=summary
            )
        rendered = counted_window(rendered_probe(engine.model, probe), options.count)
        heads = measured_facts(task, engine, heads, rendered, tokens=tokens, seed=options.seed)
        return Finding(heads_to_json(heads), counts={"ok": len(probe.samples)}, model=engine)

    return answer(place, spec, work)


def heads_spec(
    source: ModelSource,
    probe_path: Path,
    options: HeadsOptions,
    *,
    control: Sequence[str] = (),
    batch_tokens: int | None = None,
) -> RunSpec:
    """The question of `run_heads`, which names its run."""
    return RunSpec(
        f"heads-{options.method}",
        config={**_config(options, control), "batch_tokens": batch_tokens},
        inputs={
            "probe": file_digest(probe_path.with_name(ROWS)),
            "model": source.fingerprint(),
            **({"control": fingerprint_sources(control)} if control else {}),
        },
        result_name=RESULT,
        parents=(probe_path.parent.name,),
        model=source.manifest(),
        details={"control": list(control)} if control else {},
    )


def check_options(options: HeadsOptions, control: Sequence[str]) -> None:
    """InputError for what cannot be asked, before any work."""
    if options.method in RACES and (control or options.rank != "delta"):
        raise InputError(
            f"the method {options.method} runs few samples, too little for another ranking than "
            "by delta",
            do="leave out --control and --rank, or find heads with --method exact",
        )
    if options.method == "screen" and options.ablation != "uniform":
        raise InputError(
            f"a screen of heads is asked for under the ablation {options.ablation}",
            expected="uniform, which its gradients lead to",
            do="pass --method race or exact",
        )
    if options.rank == "contrast" and not control:
        raise InputError(
            "the heads are to be ranked by contrast and there is no control data",
            do="pass --control D, for example --control text",
        )


def probe_of(path: Path, model: Model) -> ProbeSet:
    """The probe at `path`, provided that its rows were rendered as `model` renders them."""
    check_same_template(path.parent, model)
    return read_probe(path)


def control_rows(model: Model, control: Sequence[str], options: HeadsOptions) -> ProbeSet:
    """The draw of the rows of `control` that every head is run on as well."""
    return control_probe(model, read_usable(control), n=options.control_n, seed=options.seed)


def probe_batches(rendered: Sequence[Rendered], batch_tokens: int) -> list[list[int]]:
    """The batches that every head is run on: a part of the run each."""
    return batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)


def race_options(options: HeadsOptions) -> RaceOptions:
    """What a race is asked, of all that heads are asked."""
    shared = {field.name for field in dataclasses.fields(RaceOptions)} - {"batch_tokens"}
    chosen = {name: value for name, value in dataclasses.asdict(options).items() if name in shared}
    return RaceOptions(**chosen)


def _exact_heads(
    task: Task,
    engine: Engine,
    probe: ProbeSet,
    options: HeadsOptions,
    *,
    control: Sequence[str],
    batch_tokens: int,
    summary: Mapping[str, Any],
) -> HeadScores:
    """Every head on every sample of the probe, and of the control where there is one."""
    kind = KINDS[options.ablation]
    shared: dict[str, Any] = {"count": options.count, "seed": options.seed}
    importance = _measure(task, engine, probe, batch_tokens, kind=kind, **shared)
    task.run.merge_parts(DELTAS)
    contributions, beside = (importance if kind is MEAN else None), None
    if options.rank in ("contribution", "both") and kind is not MEAN:
        contributions = _measure(
            task, engine, probe, batch_tokens, kind=MEAN, series="contribution", **shared
        )
        task.run.merge_parts(CONTRIBUTIONS, series="contribution")
    if control:
        rows = control_rows(engine.model, control, options)
        beside = _measure(task, engine, rows, batch_tokens, kind=kind, series="control", **shared)
        task.run.merge_parts(CONTROL_DELTAS, series="control")
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


def measured_facts(
    task: Task,
    engine: Engine,
    heads: HeadScores,
    rendered: Sequence[Rendered],
    *,
    tokens: int,
    seed: int,
) -> HeadScores:
    """The heads with what the circuit and those next in rank contribute, and where they rest."""
    leading, progress = leading_heads(heads), task.progress(engine)

    def tell(done: int, total: int, text: str) -> None:
        progress(done, total, f"contributions: {text}")

    facts = head_facts(engine, rendered, leading, batch_tokens=tokens, seed=seed, on_progress=tell)
    return with_facts(heads, facts)


def _measure(
    task: Task,
    engine: Engine,
    probe: ProbeSet,
    batch_tokens: int,
    *,
    kind: Intervention,
    seed: int,
    count: str,
    series: str = "",
) -> Importance:
    """Importance of the whole probe; batches that an earlier attempt finished are read back."""
    model, rendered = engine.model, counted_window(rendered_probe(engine.model, probe), count)
    batches, ablation = (
        probe_batches(rendered, batch_tokens),
        prepare(engine, kind, rendered, seed=seed),
    )
    ids = [sample.row_id for sample in probe.samples]
    n_total, progress = len(batches) * model.n_layers, task.progress(engine)
    for number, batch in enumerate(batches):
        if task.run.has_part(number, series=series):
            continue

        def tell(done: int, _total: int, text: str, before: int = number) -> None:
            said = f"{series}: {text}" if series else text
            progress(before * model.n_layers + done, n_total, said)

        (measured,) = iter_importance(
            engine, rendered, batches=[batch], ablation=ablation, on_progress=tell
        )
        task.run.write_part(number, deltas_table(measured, ids), series=series)
    parts = [task.run.part(number, series=series) for number in range(len(batches))]
    return read_deltas(parts, model.n_layers, model.n_heads)


def _config(options: HeadsOptions, control: Sequence[str]) -> dict[str, Any]:
    """What the run's name depends on; options of the control only where there is one."""
    config = {**dataclasses.asdict(options), "facts": FACTS}
    if options.ablation == "uniform":
        del config["ablation"]
    if options.count == "all":
        del config["count"]
    if not control:
        del config["control_n"]
    if options.rank == "delta" and not control:
        del config["rank"]
    if options.method in RACES:
        config["schedule"] = SCHEDULE
    else:
        del config["confidence"], config["first"], config["tolerance"]
    return config


def _summary(probe: ProbeSet, probe_path: Path, options: HeadsOptions) -> dict[str, Any]:
    return {
        **({} if options.count == "all" else {"count": options.count}),
        "strategy": probe.strategy,
        "seed": probe.seed,
        "trim": probe.trim,
        "run": probe_path.parent.name,
    }
