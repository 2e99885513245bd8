"""Retrieval heads as a run: `heads.json`, the samples' own scores, and the samples themselves.

    outcome = run_retrieval(place, source, RetrievalOptions(n=800))

`samples.jsonl` can be passed to `heads validate --data`: its exact solutions are the retrievals.
"""

from __future__ import annotations

import dataclasses
import json
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
)
from workbench.data import write_jsonl
from workbench.models import Model
from workbench.options import RetrievalOptions
from workbench.runs import Run, RunSpec, open_run
from workbench.stages.heads import DELTAS, RESULT
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

SAMPLES = "samples.jsonl"
TEXT = ("text",)
PART_SAMPLES = 64


def run_retrieval(
    place: Place,
    source: ModelSource,
    options: RetrievalOptions,
    *,
    text: Sequence[str] = TEXT,
    batch_tokens: int | None = None,
) -> Outcome:
    """Find the heads that copy by key, with sentences of `text` as values, or answer again."""
    spec = RunSpec(
        "heads-retrieval",
        config={**dataclasses.asdict(options), "batch_tokens": batch_tokens},
        inputs={**data_inputs(text), "model": source.fingerprint()},
        result_name=RESULT,
        model=source.manifest(),
        details={"data": list(text)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            model = source.load()
            texts = [sample.text or sample.prompt for sample in read_usable(text)]
            probe = retrieval_probe(model, texts, options)
            tokens = budget_of(run, model, batch_tokens)
            measured = _measure(run, place, model, probe, tokens)
            row_ids = [sample.sample.row_id for sample in probe]
            importance = retrieval_importance(measured, row_ids, decode=options.decode)
            facts = {**probe_facts(probe, options), "accuracy": float(measured.exact.mean())}
            heads = rank_heads(
                importance,
                model.info,
                fraction=options.fraction,
                min_heads=options.min_heads,
                seed=options.seed,
                method="retrieval",
                probe={**facts, "text": list(text)},
            )
            write_jsonl(run.path / SAMPLES, (sample.sample.row for sample in probe))
            run.merge_parts(DELTAS)
            keep_facts(run, model)
            counts = {"ok": len(importance.row_ids)}
            if options.decode:
                counts["not_retrieved"] = len(probe) - len(importance.row_ids)
            run.finish_json(RESULT, heads_to_json(heads), counts=counts)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _measure(
    run: Run, place: Place, model: Model, probe: list[RetrievalSample], batch_tokens: int
) -> RetrievalScores:
    """Scores of the whole probe; parts that an earlier attempt finished are read back."""
    starts = range(0, len(probe), PART_SAMPLES)
    for number, start in enumerate(starts):
        chosen = probe[start : start + PART_SAMPLES]
        if not run.has_part(number):
            measured = retrieval_scores(model, chosen, batch_tokens=batch_tokens)
            run.write_part(number, _table(measured, chosen, start))
        done = start + len(chosen)
        said = fitted(run, model, "retrievals")
        run.event(done, len(probe), said)
        place.on_progress(done, len(probe), said)
    table = pa.concat_tables(
        [pq.read_table(run.path / "parts" / f"{i:05d}.parquet") for i in range(len(starts))]
    )
    scores = np.array(table["deltas"].to_pylist())
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
