"""Scores of a dataset as a run: a part for every 512 rows, then `scores.parquet`.

A method that scores steps has a second series of parts, and writes `steps.parquet` beside it.

    outcome = run_score(place, source, ["gsm8k"], ScoreOptions("circuitseer"), heads_path=path)

Killed at any moment and run again, the result has the same bytes: shards are cut by place in the
input, batches within a shard by length, and nothing in the table depends on time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.circuits import circuit_of, read_heads
from workbench.config import file_digest, finite_or_none
from workbench.data import read_samples
from workbench.runs import Run, RunSpec, open_run
from workbench.scoring import (
    SHARD_ROWS,
    WINDOW_RULE,
    ScoreOptions,
    add_within_length,
    check_request,
    correlations,
    numeric_labels,
    on_engine,
    score_shard,
    variant_columns,
)
from workbench.stages.request import (
    ModelSource,
    Outcome,
    Place,
    budget_of,
    check_same_template,
    data_inputs,
    fitted,
    keep_facts,
    unreadable,
)
from workbench.types import BadRow, Circuit, Sample

RESULT = "scores.parquet"
STEPS = "steps.parquet"
STEP_PARTS = "steps"
SUMMARY = "summary.json"


def run_score(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: ScoreOptions,
    *,
    heads_path: Path | None = None,
    shape: str | None = None,
) -> Outcome:
    """Score every row of `data`, or answer from a finished run."""
    circuit = circuit_of(read_heads(heads_path)) if heads_path else None
    spec = RunSpec(
        f"score-{options.method}",
        config={**_config(options), "shape": shape},
        inputs={
            **data_inputs(data),
            "heads": file_digest(heads_path) if heads_path else None,
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=(heads_path.parent.name,) if heads_path else (),
        model=source.manifest(),
        details={
            "data": list(data),
            "shape": shape,
            "engine": {"asked": options.engine},
            "circuit": [f"{h.layer}.{h.head}" for h in circuit.heads] if circuit else None,
            **({"windows": WINDOW_RULE} if options.method == "attention-influence" else {}),
        },
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            if heads_path:
                check_same_template(heads_path.parent, source.load())
            _score(run, place, source, data, options, circuit=circuit, shape=shape)
    return Outcome(run.path, run.result, reused, json.loads((run.path / SUMMARY).read_text()))


def _score(
    run: Run,
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: ScoreOptions,
    *,
    circuit: Circuit | None,
    shape: str | None,
) -> None:
    n_rows = _count_rows(data, shape)
    model = source.load()
    check_request(options, model, circuit)
    model = on_engine(model, options)
    engine = {"asked": options.engine, **model.facts.get("engine", {"name": "hooked"})}
    run.record(engine=engine)
    options = dataclasses.replace(options, batch_tokens=budget_of(run, model, options.batch_tokens))
    n_shards = 0
    for number, rows in enumerate(shards(read_samples(data, shape=shape))):
        n_shards += 1
        if not run.has_part(number):
            scored = score_shard(rows, options=options, model=model, circuit=circuit)
            if scored.steps is not None:
                # First: a shard whose rows are written has its steps.
                run.write_part(number, _table(scored.steps), series=STEP_PARTS)
            run.write_part(number, _table(scored.rows))
        done = min((number + 1) * SHARD_ROWS, n_rows)
        said = fitted(run, model, "rows scored")
        run.event(done, n_rows, said)
        place.on_progress(done, n_rows, said)
    frame = add_within_length(
        pd.concat(
            [pq.read_table(_part(run, i)).to_pandas() for i in range(n_shards)], ignore_index=True
        )
    )
    summary = {**summarize(frame, options), "engine": engine}
    if options.method == "attention-influence":
        summary["windows"] = {"tokens": model.n_ctx, "rule": WINDOW_RULE}
    if options.method == "air":
        steps = run.merge_parts(STEPS, n_parts=n_shards, series=STEP_PARTS)
        summary["steps"] = summarize_steps(pq.read_table(steps).to_pandas(), options)
    keep_facts(run, model)
    run.write_json(SUMMARY, summary)
    run.finish_table(RESULT, _table(frame), counts=summary["counts"])


def _config(options: ScoreOptions) -> dict[str, Any]:
    """What the run's name depends on: an engine asked for is, `auto` is not."""
    config = dataclasses.asdict(options)
    if options.engine == "auto":
        del config["engine"]
    return config


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def _count_rows(data: Sequence[str], shape: str | None) -> int:
    """All rows, readable or not; InputError when none is readable."""
    n_rows, n_readable, first = 0, 0, ""
    for row in read_samples(data, shape=shape):
        n_rows += 1
        if isinstance(row, BadRow):
            first = first or row.reason
        else:
            n_readable += 1
    if n_readable == 0:
        raise unreadable(data, n_rows=n_rows, first=first)
    return n_rows


def shards(rows: Iterable[Sample | BadRow]) -> Iterator[list[Sample | BadRow]]:
    """The rows in runs of 512, in the order of the input."""
    iterator = iter(rows)
    while shard := list(islice(iterator, SHARD_ROWS)):
        yield shard


def _part(run: Run, index: int) -> Path:
    return run.path / "parts" / f"{index:05d}.parquet"


def summarize(frame: pd.DataFrame, options: ScoreOptions) -> dict[str, Any]:
    """Counts by status, quantiles of the score, correlations (docs/methods.md, Correlations)."""
    scored: pd.DataFrame = frame.loc[frame["status"] == "ok"]
    columns = ["score", "score_within_length"]
    if options.method == "circuitseer":
        columns = [*variant_columns(), "score_within_length"]
    labels = numeric_labels(scored)
    quantiles = pd.Series(scored["score"]).quantile([0, 0.1, 0.5, 0.9, 1]) if len(scored) else []
    return {
        "schema": 1,
        "method": options.method,
        "variant": options.column if options.method == "circuitseer" else None,
        "part": options.scored_part,
        "counts": {k: int(n) for k, n in frame["status"].value_counts().sort_index().items()},
        "reasons": {
            k: int(n)
            for k, n in frame.loc[frame["status"] != "ok", "reason"].value_counts().head(10).items()
        },
        "score_quantiles": [float(q) for q in quantiles],
        "labels": labels,
        "correlations": correlations(scored, columns=columns, labels=labels),
    }


def summarize_steps(steps: pd.DataFrame, options: ScoreOptions) -> dict[str, Any]:
    """How many steps there are, how long they are, and how far their weights go."""
    shares = [0, 0.1, 0.5, 0.9, 1]
    score, weight = (steps[name].quantile(shares).tolist() for name in ("score", "weight"))
    return {
        "n": len(steps),
        "n_rows": len(set(steps["row_id"])),
        "n_tokens": sum(steps["n_tokens"].tolist()),
        "score_quantiles": [finite_or_none(q) for q in score],
        "weight_quantiles": [finite_or_none(q) for q in weight],
        "rule": options.weights,
        "absolute": options.absolute,
        "floor": None if options.absolute else options.floor,
    }
