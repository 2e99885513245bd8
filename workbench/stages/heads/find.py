"""Importance of every head as a run: parts of the probe, then `heads.json` and `deltas.parquet`.

A race of the heads (`workbench.stages.heads.race`) keeps what it measured in `raced.parquet`.

outcome = run_heads(place, source, probe_path, HeadsOptions(fraction=0.05))
importance, control = read_importance(outcome.run)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.circuits import (
    counted_window,
    head_facts,
    heads_to_json,
    leading_heads,
    with_facts,
)
from workbench.config import file_digest
from workbench.data import fingerprint_sources
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.models import Model, ModelSource, Rendered
from workbench.options import (
    ALONE,
    RECOGNISED,
    HeadsOptions,
    RaceOptions,
    ReadOptions,
    WorkerOptions,
)
from workbench.options.heads import RACES
from workbench.probe import rendered_probe
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer, check_same_template
from workbench.stages.engine import EngineOpening, engine_of, open_engines
from workbench.stages.heads.deltas import (
    RACED,
    RESULT,
)
from workbench.stages.heads.exact import Search, exact_heads
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
    control_how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> Outcome:
    """Ablate every head on the probe at `probe_path`, or answer from a finished run.

    With `control` data (plain text, say), read as `control_how` says, every head is ablated on a
    draw of its rows as well.
    Workers share out the batches; a race, whose pieces follow from one another, has none.
    """
    check_options(options, control, workers)
    beside = {"control": control, "control_how": control_how}
    spec = heads_spec(source, probe_path, options, **beside, batch_tokens=batch_tokens)

    def work(task: Task) -> Finding:
        engine = engine_of(source)
        probe = probe_of(probe_path, engine.model)
        summary, opening = _summary(probe, probe_path, options), EngineOpening(source)
        with open_engines(opening, workers, engine=engine, on_progress=task.progress()) as engines:
            tokens = task.budget(batch_tokens, engines.batch_tokens)
            if options.method in RACES:
                asked = dataclasses.replace(race_options(options), batch_tokens=tokens)
                heads = raced_heads(task, engine, probe, asked, summary=summary)
                task.run.merge_parts(RACED)
            else:
                heads = exact_heads(
                    Search(task, engine, engines, options, tokens),
                    probe,
                    **beside,
                    summary=summary,
                )
            task.run.record(**engines.details)
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
    control_how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
) -> RunSpec:
    """The question of `run_heads`, which names its run."""
    return RunSpec(
        f"heads-{options.method}",
        config={
            **_config(options, control),
            **control_how.asked,
            "batch_tokens": batch_tokens,
        },
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


def check_options(
    options: HeadsOptions, control: Sequence[str], workers: WorkerOptions = ALONE
) -> None:
    """InputError for what cannot be asked, before any work."""
    if options.method in RACES and not workers.alone:
        raise InputError(
            f"workers were asked for and the method {options.method}, whose next piece of work "
            "follows from the last",
            do="leave out --workers and --backend, or find heads with --method exact",
        )
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


def race_options(options: HeadsOptions) -> RaceOptions:
    """What a race is asked, of all that heads are asked."""
    shared = {field.name for field in dataclasses.fields(RaceOptions)} - {"batch_tokens"}
    chosen = {name: value for name, value in dataclasses.asdict(options).items() if name in shared}
    return RaceOptions(**chosen)


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
