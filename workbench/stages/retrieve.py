"""Retrieval heads as a run: `heads.json`, the samples' own scores, and the samples themselves.

    outcome = run_retrieval(place, source, RetrievalOptions(n=8, fraction=0.05))

`samples.jsonl` can be passed to `heads validate --data`: its exact solutions are the retrievals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
from workbench.engines import Engine
from workbench.engines import batch_tokens as free_tokens
from workbench.models import ModelSource
from workbench.options import RECOGNISED, ReadOptions, RetrievalOptions
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.stages.calibrate import plan_of
from workbench.stages.engine import engine_of
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
        tokens = task.budget(batch_tokens, lambda: free_tokens(engine))
        measured = _measure(task, engine, probe, tokens)
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
    return plan | {"read": tally.summary()}


def _parts(n: int) -> list[range]:
    """The samples of each part of a run."""
    return [range(start, min(n, start + PART_SAMPLES)) for start in range(0, n, PART_SAMPLES)]


def _measure(
    task: Task, engine: Engine, probe: list[RetrievalSample], batch_tokens: int
) -> RetrievalScores:
    """Scores of the whole probe; parts that an earlier attempt finished are read back."""
    run, tell = task.run, task.progress(engine)
    parts = _parts(len(probe))
    for number, part in enumerate(parts):
        chosen = probe[part.start : part.stop]
        if not run.has_part(number):
            measured = retrieval_scores(engine, chosen, batch_tokens=batch_tokens)
            run.write_part(number, _table(measured, chosen, part.start))
        tell(part.stop, len(probe), "retrievals")
    table = pa.concat_tables([pq.read_table(run.part(number)) for number in range(len(parts))])
    model, scores = engine.model, np.array(table["deltas"].to_pylist())
    return RetrievalScores(
        base_loss=table["base_loss"].to_numpy(),
        exact=table["exact"].to_numpy(),
        scores=scores.reshape(len(scores), model.n_layers, model.n_heads),
    )


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
