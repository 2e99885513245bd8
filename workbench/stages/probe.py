"""Build a probe set as a run: `probe.jsonl` holds the samples, `probe.json` how they were chosen.

outcome = run_probe(place, source, ["generated"], ProbeOptions(n=20))
probe = read_probe(outcome.result)
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.data import (
    Tally,
    batches_by_length,
    fingerprint_sources,
    plain,
    read_usable,
    write_jsonl,
)
from workbench.distributed import Work
from workbench.engines import Engine, HookedEngine, sample_losses
from workbench.engines import batch_tokens as free_tokens
from workbench.errors import InputError, kind_of
from workbench.models import ModelSource, Rendered
from workbench.options import ALONE, RECOGNISED, ProbeOptions, ReadOptions, WorkerOptions
from workbench.probe import build_probe, usable_samples
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.stages.calibrate import of_batches, plan_of
from workbench.stages.engine import (
    EngineOpening,
    Engines,
    engine_of,
    open_engines,
    plan_of_workers,
)
from workbench.stages.unchanged import check_unchanged
from workbench.types import Message, ProbeSet, Progress, Sample

RESULT = "probe.json"
ROWS = "probe.jsonl"
READS_LOSSES = "highest-loss"


def run_probe(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: ProbeOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> Outcome:
    """Choose the probe's samples from `data`, or answer from a finished run.

    Workers share out the pass over the pool; strategies without one have none.
    """
    spec = probe_spec(source, data, options, how=how)

    def work(task: Task) -> Finding:
        left_out: Counter[str] = Counter()
        tally = Tally()
        samples = read_usable(data, how, left_out=left_out, tally=tally)
        task.has_read(tally.summary())
        engine = _engine(source, options)
        opening, some = EngineOpening(source), _workers(workers, options)
        with open_engines(opening, some, engine=engine, on_progress=task.progress()) as engines:
            probe = build_probe(
                engine,
                samples,
                **dataclasses.asdict(options),
                batch_tokens=task.budget(batch_tokens, engines.batch_tokens),
                left_out=left_out,
                losses_of=sample_losses if engines.alone else partial(_shared_losses, engines),
                on_progress=task.progress(engine),
            )
            task.run.record(**engines.details)
        check_unchanged(data, spec.inputs["data"])
        _write_rows(task.run.path / ROWS, probe)
        summary = _summary(probe, len(samples), left_out)
        return Finding(summary, counts={"ok": len(samples)}, model=engine)

    return answer(place, spec, work)


def probe_spec(
    source: ModelSource,
    data: Sequence[str],
    options: ProbeOptions,
    *,
    how: ReadOptions = RECOGNISED,
) -> RunSpec:
    """The question of `run_probe`, which names its run."""
    return RunSpec(
        f"probe-{options.strategy}",
        config=dataclasses.asdict(options) | how.asked,
        inputs={"data": fingerprint_sources(data), "model": source.fingerprint()},
        result_name=RESULT,
        model=source.manifest(),
        details={"data": list(data)},
    )


def plan_probe(
    source: ModelSource,
    data: Sequence[str],
    options: ProbeOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> dict[str, Any]:
    """One pass over the pool for `highest-loss`, none for the other strategies."""
    source.load()
    began = time.perf_counter()
    # A run checks its engine as well.
    engine = _engine(source, options)
    seconds, passes = time.perf_counter() - began, 0.0
    tokens = batch_tokens or free_tokens(engine)
    tally = Tally()
    rendered = list(usable_samples(engine.model, read_usable(data, how, tally=tally)).values())
    lengths = [len(r.ids) for r in rendered]
    if options.strategy == READS_LOSSES:
        passes, batches = 1.0, batches_by_length(lengths, max_tokens=tokens)
        seconds += of_batches(
            lambda batch: sample_losses(engine, rendered, batches=[batch]), batches, lengths
        )
    plan = plan_of(engine, lengths, tokens, passes=passes, seconds=seconds)
    some = _workers(workers, options)
    spread = plan_of_workers(some, source, plan["estimated_seconds"])
    return plan | {"read": tally.summary(), **spread}


def _engine(source: ModelSource, options: ProbeOptions) -> Engine:
    """Unchecked where the strategy reads no losses."""
    reads_losses = options.strategy == READS_LOSSES
    return engine_of(source) if reads_losses else HookedEngine(source.load())


def _workers(workers: WorkerOptions, options: ProbeOptions) -> WorkerOptions:
    """None where the strategy reads no losses."""
    return workers if options.strategy == READS_LOSSES else ALONE


def _losses_of(rendered: Sequence[Rendered]) -> Work:
    """A function of an engine: the losses of a batch."""
    return partial(sample_losses, rendered=rendered, batches=[range(len(rendered))])


def _shared_losses(
    engines: Engines,
    engine: Engine,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    on_progress: Progress,
) -> Float64[np.ndarray, " sample"]:
    """As `sample_losses` of one engine, each batch by whoever is free."""
    losses, n_done = np.full(len(rendered), np.nan), 0
    works = (
        (number, _losses_of([rendered[i] for i in batch])) for number, batch in enumerate(batches)
    )
    for number, found in engines.results(works):
        losses[list(batches[number])], n_done = found, n_done + 1
        text = f"loss of {len(batches[number])} samples{engines.note}"
        on_progress(n_done, len(batches), text)
    return losses


def _write_rows(path: Path, probe: ProbeSet) -> None:
    losses = probe.losses or (None,) * len(probe.samples)
    write_jsonl(path, (_to_json(s, loss) for s, loss in zip(probe.samples, losses, strict=True)))


def _summary(probe: ProbeSet, n_pool: int, left_out: Counter[str]) -> dict[str, Any]:
    return {
        "schema": 1,
        "strategy": probe.strategy,
        "seed": probe.seed,
        "trim": probe.trim,
        "n": len(probe.samples),
        "n_pool": n_pool,
        "left_out": dict(sorted(left_out.items())),
        "sources": sorted({s.source for s in probe.samples}),
        "mean_loss": sum(probe.losses) / len(probe.losses) if probe.losses else None,
    }


def _to_json(sample: Sample, loss: float | None) -> dict[str, Any]:
    record = dataclasses.asdict(sample)
    # What a sample does not have is left out: runs are named by these bytes.
    record["messages"] = [_filled(message._asdict(), ("more",)) for message in sample.messages]
    record = _filled(record, ("answer", "tools"))
    return {**plain(record), "loss": loss}


def _filled(record: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value or key not in names}


def read_probe(path: Path) -> ProbeSet:
    """The probe whose `probe.json` is at `path`."""
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        lines = path.with_name(ROWS).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        losses = [record.pop("loss") for record in records]
        samples = tuple(
            Sample(
                **{
                    **r,
                    "messages": tuple(Message(**m) for m in r["messages"]),
                    "tools": tuple(r.get("tools", ())),
                }
            )
            for r in records
        )
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"{path} is not a probe ({kind_of(err)})",
            expected=f"a run of `workbench probe build` with {RESULT} and {ROWS}",
        ) from err
    return ProbeSet(
        samples=samples,
        strategy=summary["strategy"],
        seed=summary["seed"],
        trim=summary["trim"],
        losses=None if None in losses else tuple(losses),
    )
