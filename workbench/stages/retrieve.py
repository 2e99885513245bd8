"""Retrieval heads as a run: `heads.json`, the samples' own scores, and the samples themselves.

    outcome = run_retrieval(place, source, RetrievalOptions(n=8, fraction=0.05))

`samples.jsonl` can be passed to `heads validate --data`: its exact solutions are the retrievals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.circuits import (
    RetrievalSample,
    RetrievalScores,
    heads_to_json,
    probe_facts,
    rank_heads,
    retrieval_importance,
    retrieval_probe,
    retrieval_scores,
    sample_limit,
)
from workbench.data import Tally, batches_by_length, fingerprint_sources, read_usable, write_jsonl
from workbench.distributed import Work
from workbench.engines import Engine
from workbench.engines import batch_tokens as free_tokens
from workbench.models import ModelSource
from workbench.options import ALONE, RECOGNISED, ReadOptions, RetrievalOptions, WorkerOptions
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.stages.calibrate import plan_of
from workbench.stages.engine import (
    EngineOpening,
    Engines,
    engine_of,
    open_engines,
    plan_of_workers,
)
from workbench.stages.heads import DELTAS, RESULT
from workbench.stages.heads.find import FACTS, measured_facts

SAMPLES = "samples.jsonl"
TEXT = ("text",)
PART_SAMPLES = 64


def run_retrieval(
    place: Place,
    source: ModelSource,
    options: RetrievalOptions,
    *,
    text: Sequence[str] = TEXT,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> Outcome:
    """Find the heads that copy by key, with sentences of `text` as values, or answer again."""
    chosen = {"fraction": options.fraction, "min_heads": options.min_heads}
    spec = RunSpec(
        "heads-retrieval",
        config={
            **dataclasses.asdict(options),
            **how.asked,
            "batch_tokens": batch_tokens,
            "facts": FACTS,
        },
        inputs={"data": fingerprint_sources(text), "model": source.fingerprint()},
        result_name=RESULT,
        model=source.manifest(),
        details={"data": list(text)},
    )

    def work(task: Task) -> Finding:
        engine = engine_of(source)
        tally = Tally()
        texts = [sample.text or sample.prompt for sample in read_usable(text, how, tally=tally)]
        task.has_read(tally.summary())
        probe = retrieval_probe(engine.model, texts, options)
        opening = EngineOpening(source)
        with open_engines(opening, workers, engine=engine, on_progress=task.progress()) as engines:
            tokens = task.budget(batch_tokens, engines.batch_tokens)
            measured = _measure(task, engines, engine, probe, tokens)
            task.run.record(**engines.details)
        row_ids = [sample.sample.row_id for sample in probe]
        importance = retrieval_importance(measured, row_ids, decode=options.decode)
        facts = {**probe_facts(probe, options), "accuracy": float(measured.exact.mean())}
        heads = rank_heads(
            importance,
            engine.model.info,
            **chosen,
            seed=options.seed,
            method="retrieval",
            probe={**facts, "text": list(text)},
            ablation="none",
        )
        rendered = [sample.rendered for sample in probe]
        heads = measured_facts(task, engine, heads, rendered, tokens=tokens, seed=options.seed)
        write_jsonl(task.run.path / SAMPLES, (sample.sample.row for sample in probe))
        task.run.merge_parts(DELTAS)
        counts = {"ok": len(importance.row_ids)}
        if options.decode:
            counts["not_retrieved"] = len(probe) - len(importance.row_ids)
        return Finding(heads_to_json(heads), counts, engine)

    return answer(place, spec, work)


def plan_retrieval(
    source: ModelSource,
    options: RetrievalOptions,
    *,
    text: Sequence[str] = TEXT,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> dict[str, Any]:
    """One pass over `n` samples as long as the context or the limit allows."""
    tally = Tally()
    read_usable(text, how, tally=tally)
    engine = engine_of(source)
    tokens = batch_tokens or free_tokens(engine)
    lengths = [sample_limit(engine.model, options)] * options.n
    batches = [
        [part.start + i for i in batch]
        for part in _parts(options.n)
        for batch in batches_by_length([lengths[i] for i in part], max_tokens=tokens)
    ]
    plan = plan_of(engine, lengths, tokens, passes=1.0, batches=batches)
    spread = plan_of_workers(workers, source, plan["estimated_seconds"])
    return plan | {"read": tally.summary(), **spread}


def _parts(n: int) -> list[range]:
    """The samples of each part of a run."""
    return [range(start, min(n, start + PART_SAMPLES)) for start in range(0, n, PART_SAMPLES)]


def _measure(
    task: Task,
    engines: Engines,
    engine: Engine,
    probe: list[RetrievalSample],
    batch_tokens: int,
) -> RetrievalScores:
    """Scores of the whole probe; parts that an earlier attempt finished are read back."""
    run, tell, n_done = task.run, task.progress(engine), 0
    parts = _parts(len(probe))

    def done(number: int) -> None:
        nonlocal n_done
        n_done += len(parts[number])
        tell(n_done, len(probe), f"retrievals{engines.note}")

    def missing() -> Iterator[tuple[int, Work]]:
        for number, part in enumerate(parts):
            if run.has_part(number):
                done(number)
            else:
                chosen = probe[part.start : part.stop]
                yield number, partial(_part, chosen, part.start, batch_tokens)

    for number, table in engines.results(missing()):
        run.write_part(number, table)
        done(number)
    table = pa.concat_tables([pq.read_table(run.part(number)) for number in range(len(parts))])
    model, scores = engine.model, np.array(table["deltas"].to_pylist())
    return RetrievalScores(
        base_loss=table["base_loss"].to_numpy(),
        exact=table["exact"].to_numpy(),
        scores=scores.reshape(len(scores), model.n_layers, model.n_heads),
    )


def _part(chosen: list[RetrievalSample], start: int, batch_tokens: int, engine: Engine) -> pa.Table:
    """The table of a part: of what is passed alone, whose engine it is."""
    measured = retrieval_scores(engine, chosen, batch_tokens=batch_tokens)
    return _table(measured, chosen, start)


def _table(measured: RetrievalScores, probe: list[RetrievalSample], start: int) -> pa.Table:
    """`deltas` is the flat list of all heads' scores, layer by layer, as for other methods."""
    columns: dict[str, Any] = {
        "position": pa.array(range(start, start + len(probe)), pa.int32()),
        "row_id": [sample.sample.row_id for sample in probe],
        "base_loss": measured.base_loss,
        "exact": measured.exact,
        "deltas": [row.ravel().tolist() for row in measured.scores],
    }
    return pa.table(columns)
