"""Scores of a dataset as a run: a part a shard, then `scores.parquet`; and its plan.

A method that scores steps has a second series of parts, and writes `steps.parquet` beside it.

    outcome = run_score(place, source, ["gsm8k"], ScoreRequest.of("loss"))

Killed at any moment and run again, the result has the same bytes: shards are cut by place in the
input, batches within a shard by length, and nothing in the table depends on time.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.circuits import circuit_of, read_heads
from workbench.config import file_digest
from workbench.data import (
    Tally,
    batches_by_length,
    fingerprint_sources,
    read_samples,
    row_content,
    unreadable,
)
from workbench.distributed import Work
from workbench.engines import Engine, batch_tokens
from workbench.models import Model, ModelSource
from workbench.options import ALONE, RECOGNISED, ReadOptions, WorkerOptions
from workbench.runs import (
    Finding,
    Outcome,
    Place,
    RunSpec,
    TableStream,
    Task,
    answer,
    check_same_template,
)
from workbench.scoring import (
    SHARD_ROWS,
    CheckedRows,
    ScoreRequest,
    StoredColumns,
    check_request,
    check_rows,
    engine_for,
    followed,
    pool_of,
    score_checked,
    score_shard,
    shards,
    summarize_columns,
)
from workbench.selection import CONTENT
from workbench.stages.calibrate import of_batches, plan_of
from workbench.stages.engine import EngineOpening, Engines, open_engines, plan_of_workers
from workbench.stages.unchanged import check_unchanged
from workbench.types import BadRow, Circuit, HeadScores, Sample

RESULT = "scores.parquet"
STEPS = "steps.parquet"
STEP_PARTS = "steps"
# Part of a run's name: scores of before lack the facts of a solution's text, and joined the parts
# of some prompts otherwise, so they cannot answer.
FACTS = 1
SUMMARY = "summary.json"
NUMBERS = "numbers.parquet"

Rows = Iterable[Sample | BadRow]
PartFound = tuple[int, pa.Table | None, pa.Table | None]


@dataclass(frozen=True)
class Question:
    """What is scored, by what, and how; the run and its plan are both of one question."""

    source: ModelSource
    data: tuple[str, ...]
    request: ScoreRequest
    heads_path: Path | None
    how: ReadOptions
    workers: WorkerOptions

    @cached_property
    def heads(self) -> HeadScores | None:
        return read_heads(self.heads_path) if self.heads_path else None

    @property
    def circuit(self) -> Circuit | None:
        return circuit_of(self.heads) if self.heads else None

    @property
    def idle(self) -> list[str] | None:
        """The heads of the circuit that are known to be idle; None where nothing is known."""
        chosen = [h for h in self.heads.heads if h.selected] if self.heads else []
        if all(h.idle is None for h in chosen):
            return None
        return [f"{h.layer}.{h.head}" for h in chosen if h.idle]

    def rows(self, tally: Tally | None = None) -> Iterator[Sample | BadRow]:
        return read_samples(self.data, self.how, tally=tally)

    def load(self) -> Model:
        """The model; InputError where the request or the heads do not go with it."""
        model = self.source.load()
        if self.heads_path:
            check_same_template(self.heads_path.parent, model)
        check_request(self.request, model, self.circuit)
        return model

    @property
    def opening(self) -> EngineOpening:
        return EngineOpening(self.source, partial(_checked_engine, self.request, self.circuit))


def run_score(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    request: ScoreRequest,
    *,
    heads_path: Path | None = None,
    how: ReadOptions = RECOGNISED,
    workers: WorkerOptions = ALONE,
) -> Outcome:
    """Score every row of `data`, or answer from a finished run; the bytes are those of one process.

    Workers share out the parts. Their threads are shared out as well, and sums over several threads
    may be rounded differently.
    """
    asked = Question(source, tuple(data), request, heads_path, how, workers)
    return answer(
        place, _spec(asked), lambda task: _score(task, asked), summary=SUMMARY, scratch=(NUMBERS,)
    )


def plan_score(
    source: ModelSource,
    data: Sequence[str],
    request: ScoreRequest,
    *,
    heads_path: Path | None = None,
    how: ReadOptions = RECOGNISED,
    workers: WorkerOptions = ALONE,
) -> dict[str, Any]:
    """The plan of `run_score`: which rows it would score, in how many passes, and how long.

    The time is that of rows scored for the purpose, on the engine that is to run.
    """
    return _plan(Question(source, tuple(data), request, heads_path, how, workers))


def _spec(asked: Question) -> RunSpec:
    circuit, heads, request = asked.circuit, asked.heads_path, asked.request
    return RunSpec(
        f"score-{request.method.name}",
        config={**_config(request), "shape": None, "facts": FACTS, **asked.how.asked},
        inputs={
            "data": fingerprint_sources(asked.data),
            "heads": file_digest(heads) if heads else None,
            "model": asked.source.fingerprint(),
        },
        result_name=RESULT,
        parents=(heads.parent.name,) if heads else (),
        model=asked.source.manifest(),
        details={
            "data": list(asked.data),
            "shape": asked.how.shape,
            "engine": {"asked": request.engine},
            "circuit": [f"{h.layer}.{h.head}" for h in circuit.heads] if circuit else None,
            "idle": asked.idle,
            **request.method.details,
        },
    )


def _config(request: ScoreRequest) -> dict[str, Any]:
    """What the run's name depends on: an engine asked for is, `auto` is not."""
    return {
        "method": request.method.name,
        "part": request.scored_part,
        "with_loss": request.with_loss,
        "batch_tokens": request.batch_tokens,
        "seed": request.seed,
        **({} if request.engine == "auto" else {"engine": request.engine}),
        **dataclasses.asdict(request.own),
    }


def _score(task: Task, asked: Question) -> Finding:
    run, tally = task.run, Tally()
    n_rows = _n_readable(asked.rows(tally), asked)
    task.has_read(tally.summary())
    with open_engines(asked.opening, asked.workers, on_progress=task.progress()) as engines:
        if asked.heads_path:
            check_same_template(asked.heads_path.parent, engines)
        ran_on = {"asked": asked.request.engine, **engines.said.found}
        run.record(engine=ran_on, **engines.details)
        tokens = task.budget(asked.request.batch_tokens, engines.batch_tokens)
        request = dataclasses.replace(asked.request, batch_tokens=tokens)
        n_shards = _score_parts(task, asked, request, engines, n_rows=n_rows)
        run.record(**engines.details)
    check_unchanged(asked.data, run.spec.inputs["data"])
    parts, steps = [run.part(i) for i in range(n_shards)], None
    pool = pool_of(parts, request.method, aside=run.path / NUMBERS)
    if request.method.has_steps:
        steps = StoredColumns(run.merge_parts(STEPS, n_parts=n_shards, series=STEP_PARTS))
    found = summarize_columns(
        pool.scored,
        request,
        n_ctx=engines.said.n_ctx,
        counts=pool.counts,
        reasons=pool.reasons,
        steps=steps,
        facts=pool.facts,
    )
    summary = {**found, "engine": ran_on}
    run.write_json(SUMMARY, summary)
    run.record(follows={found.column: found[1:] for found in followed(summary)})
    content = TableStream(pool.schema, pool.tables())
    return Finding(content, counts=summary["counts"], model=engines)


def _score_parts(
    task: Task, asked: Question, request: ScoreRequest, engines: Engines, *, n_rows: int
) -> int:
    """Write every part that is not there yet; how many there are."""
    run, on_progress, n_done, n_shards = task.run, task.progress(engines), 0, 0

    def tell(n_more: int) -> None:
        nonlocal n_done
        n_done += n_more
        on_progress(n_done, n_rows, f"rows scored{engines.note}")

    def missing() -> Iterator[tuple[int, Work]]:
        nonlocal n_shards
        for number, rows in enumerate(shards(asked.rows(), most=SHARD_ROWS)):
            n_shards = number + 1
            if run.has_part(number) and _is_of(run.part(number), rows):
                yield number, partial(_kept, len(rows))
            else:
                yield number, _Part(rows, request, asked.circuit)

    for number, (n_more, scores, steps) in engines.results(engines.ahead(missing())):
        if steps is not None:
            # First: a shard whose rows are written has its steps.
            run.write_part(number, steps, series=STEP_PARTS)
        if scores is not None:
            run.write_part(number, scores)
        tell(n_more)
    return n_shards


def _checked_engine(request: ScoreRequest, circuit: Circuit | None, model: Model) -> Engine:
    check_request(request, model, circuit)
    return engine_for(model, request)


@dataclass(frozen=True)
class _Part:
    """The rows of a part to be scored: how many, and the tables of rows and of steps.

    Made of what is passed alone, whose engine it is.
    """

    rows: Sequence[Sample | BadRow]
    request: ScoreRequest
    circuit: Circuit | None

    def __call__(self, engine: Engine) -> PartFound:
        return self.prepared(engine.model)(engine)

    def prepared(self, model: Model) -> Work:
        """What is left to do of it once the rows are tokens."""
        return partial(_scored, check_rows(self.rows, self.request, model), self)


def _scored(checked: CheckedRows, part: _Part, engine: Engine) -> PartFound:
    found = score_checked(checked, request=part.request, engine=engine, circuit=part.circuit)
    return len(part.rows), _table(found.rows), None if found.steps is None else _table(found.steps)


def _kept(n_rows: int, _engine: Engine) -> PartFound:
    """Of a part that is there already."""
    return n_rows, None, None


def _is_of(part: Path, rows: Sequence[Sample | BadRow]) -> bool:
    """Whether a part holds these very rows: data can change while a run is interrupted."""
    table = pq.read_table(part)
    same = table["row_id"].to_pylist() == [row.row_id for row in rows]
    if not same or CONTENT not in table.column_names:
        return same
    contents = [row_content(row.row) if isinstance(row, Sample) else None for row in rows]
    return table[CONTENT].to_pylist() == contents


def _plan(asked: Question) -> dict[str, Any]:
    model, circuit = asked.load(), asked.circuit
    began = time.perf_counter()
    engine = engine_for(model, asked.request)
    seconds = time.perf_counter() - began
    tokens = asked.request.batch_tokens or batch_tokens(engine)
    request = dataclasses.replace(asked.request, batch_tokens=tokens)
    began = time.perf_counter()
    tally = Tally()
    rows = list(asked.rows(tally))
    # A run reads the data twice: to count the rows, and to score them.
    seconds += 2 * (time.perf_counter() - began)
    _n_readable(rows, asked)
    counts, usable, batches = Counter[str](), [], []
    for shard in shards(rows, most=SHARD_ROWS):
        checked = check_rows(shard, request, model)
        counts.update(record["status"] for record in checked.records)
        first = [row.lengths[0] for row in checked.usable]
        of_shard = batches_by_length(first, max_tokens=tokens)
        batches += [[len(usable) + i for i in batch] for batch in of_shard]
        usable += [(row.sample, row.lengths) for row in checked.usable]

    def work(batch: list[int]) -> None:
        samples = [usable[i][0] for i in batch]
        score_shard(samples, request=request, engine=engine, circuit=circuit)

    lengths = [lengths for _, lengths in usable]
    seconds += of_batches(work, batches, list(map(sum, lengths)))
    plan = _plan_of_passes(engine, lengths, request, circuit, seconds)
    counted = {"counts": dict(sorted(counts.items())), "read": tally.summary()}
    spread = plan_of_workers(asked.workers, asked.source, plan["estimated_seconds"])
    return {**plan, **counted, "engine": engine.name, **spread}


def _plan_of_passes(
    engine: Engine,
    lengths: Sequence[list[int]],
    request: ScoreRequest,
    circuit: Circuit | None,
    seconds: float,
) -> dict[str, Any]:
    """The passes of the method, and whole ones where the loss is asked for beside it."""
    n_added = 1 if request.adds_loss else 0
    own = [n for of_row in lengths for n in of_row[: len(of_row) - n_added]]
    passes = request.method.passes(circuit, engine.model.n_layers)
    plan = plan_of(engine, own, request.tokens, passes=passes, seconds=seconds)
    if not n_added:
        return plan
    loss = plan_of(
        engine, [of_row[-1] for of_row in lengths], request.tokens, passes=1.0, seconds=0.0
    )
    summed = ("samples", "batches", "full_passes", "forward_passes", "tokens")
    most = {name: max(plan[name], loss[name]) for name in ("attention_mb", "batch_mb")}
    return {**plan, **{name: plan[name] + loss[name] for name in summed}, **most}


def _n_readable(rows: Rows, asked: Question) -> int:
    """All rows, readable or not; InputError when none is readable."""
    n_rows, n_readable, first = 0, 0, ""
    for row in rows:
        n_rows += 1
        if isinstance(row, BadRow):
            first = first or row.reason
        else:
            n_readable += 1
    if n_readable == 0:
        raise unreadable(asked.data, n_rows=n_rows, first=first)
    return n_rows


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
