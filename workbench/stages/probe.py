"""Build a probe set as a run: `probe.jsonl` holds the samples, `probe.json` how they were chosen.

outcome = run_probe(place, ModelSource("math-tiny"), ["generated"], ProbeOptions(n=300))
probe = read_probe(outcome.result)
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.data import plain, write_jsonl
from workbench.errors import InputError
from workbench.models import Model, with_engine
from workbench.options import ProbeOptions
from workbench.probe import build_probe
from workbench.runs import RunSpec, open_run
from workbench.stages.request import (
    ModelSource,
    Outcome,
    Place,
    budget_of,
    data_inputs,
    fitted,
    keep_facts,
    read_usable,
)
from workbench.types import Message, ProbeSet, Sample

RESULT = "probe.json"
ROWS = "probe.jsonl"


def run_probe(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: ProbeOptions,
    *,
    batch_tokens: int | None = None,
) -> Outcome:
    """Choose the probe's samples from `data`, or answer from a finished run."""
    spec = RunSpec(
        f"probe-{options.strategy}",
        config=dataclasses.asdict(options),
        inputs={**data_inputs(data), "model": source.fingerprint()},
        result_name=RESULT,
        model=source.manifest(),
        details={"data": list(data)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            left_out: Counter[str] = Counter()
            samples = read_usable(data, left_out=left_out)
            model = measuring(source.load(), options.strategy)

            def tell(done: int, total: int, text: str) -> None:
                text = fitted(run, model, text)
                run.event(done, total, text)
                place.on_progress(done, total, text)

            probe = build_probe(
                model,
                samples,
                **dataclasses.asdict(options),
                batch_tokens=budget_of(run, model, batch_tokens),
                left_out=left_out,
                on_progress=tell,
            )
            losses = probe.losses or (None,) * len(probe.samples)
            write_jsonl(
                run.path / ROWS,
                (_to_json(s, loss) for s, loss in zip(probe.samples, losses, strict=True)),
            )
            keep_facts(run, model)
            summary = _summary(probe, len(samples), left_out)
            run.finish_json(RESULT, summary, counts={"ok": len(samples)})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def measuring(model: Model, strategy: str) -> Model:
    """The model on the faster engine that it passes on, where the strategy reads losses."""
    return with_engine(model) if strategy == "highest-loss" else model


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
    record["messages"] = [message._asdict() for message in sample.messages]
    return {**plain(record), "loss": loss}


def read_probe(path: Path) -> ProbeSet:
    """The probe whose `probe.json` is at `path`."""
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        lines = path.with_name(ROWS).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        losses = [record.pop("loss") for record in records]
        samples = tuple(
            Sample(**{**r, "messages": tuple(Message(**m) for m in r["messages"])}) for r in records
        )
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"{path} is not a probe ({type(err).__name__})",
            expected=f"a run of `workbench probe build` with {RESULT} and {ROWS}",
        ) from err
    return ProbeSet(
        samples=samples,
        strategy=summary["strategy"],
        seed=summary["seed"],
        trim=summary["trim"],
        losses=None if None in losses else tuple(losses),
    )
