"""Importance of every head as a run: parts of the probe, then `heads.json` and `deltas.parquet`.

outcome = run_heads(place, ModelSource("math-tiny"), probe_path, HeadsOptions(fraction=0.05))
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.ablation import iter_importance
from workbench.circuits import Importance, heads_to_json, n_selected, rank_heads
from workbench.config import file_digest
from workbench.data import batches_by_length
from workbench.execute.probe import ROWS, read_probe
from workbench.execute.request import ModelSource, Outcome, Place, loaded_facts
from workbench.models import Model
from workbench.probe import rendered_probe
from workbench.runs import Run, RunSpec, open_run
from workbench.types import ProbeSet

RESULT = "heads.json"
DELTAS = "deltas.parquet"


@dataclass(frozen=True)
class HeadsOptions:
    """`fraction` of all heads, at least `min_heads`, become the circuit."""

    fraction: float = 0.05
    min_heads: int = 1
    seed: int = 0
    method: str = "exact"


def run_heads(
    place: Place,
    source: ModelSource,
    probe_path: Path,
    options: HeadsOptions,
    *,
    batch_tokens: int = 2048,
) -> Outcome:
    """Ablate every head on the probe at `probe_path`, or answer from a finished run."""
    n_selected(100, options.fraction)  # a wrong fraction is said before any work
    spec = RunSpec(
        f"heads-{options.method}",
        config={**dataclasses.asdict(options), "batch_tokens": batch_tokens},
        inputs={
            "probe": file_digest(probe_path.with_name(ROWS)),
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=(probe_path.parent.name,),
        model=source.manifest(),
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            probe, model = read_probe(probe_path), source.load()
            importance = _measure(run, place, model, probe, batch_tokens)
            summary = {
                "strategy": probe.strategy,
                "seed": probe.seed,
                "trim": probe.trim,
                "run": probe_path.parent.name,
            }
            heads = rank_heads(
                importance,
                model.info,
                fraction=options.fraction,
                min_heads=options.min_heads,
                seed=options.seed,
                method=options.method,
                probe=summary,
            )
            run.merge_parts(DELTAS)
            run.write_json("model.json", loaded_facts(model))
            run.finish_json(RESULT, heads_to_json(heads), counts={"ok": len(probe.samples)})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _measure(
    run: Run, place: Place, model: Model, probe: ProbeSet, batch_tokens: int
) -> Importance:
    """Importance of the whole probe; batches that an earlier attempt finished are read back."""
    rendered = rendered_probe(model, probe)
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    ids = [sample.row_id for sample in probe.samples]
    n_total = len(batches) * model.n_layers
    for number, batch in enumerate(batches):
        if run.has_part(number):
            continue

        def tell(done: int, _total: int, text: str, before: int = number) -> None:
            run.event(before * model.n_layers + done, n_total, text)
            place.on_progress(before * model.n_layers + done, n_total, text)

        (measured,) = iter_importance(model, rendered, batches=[batch], on_progress=tell)
        run.write_part(number, _table(measured, ids))
    table = pa.concat_tables(
        [pq.read_table(run.path / "parts" / f"{i:05d}.parquet") for i in range(len(batches))]
    ).sort_by("position")
    deltas = np.array(table["deltas"].to_pylist())
    return Importance(
        row_ids=tuple(table["row_id"].to_pylist()),
        base_loss=table["base_loss"].to_numpy(),
        deltas=deltas.reshape(len(deltas), model.n_layers, model.n_heads),
    )


def _table(measured: Any, ids: list[str]) -> pa.Table:
    """`deltas` is the flat list of all heads, layer by layer."""
    return pa.table(
        {
            "position": pa.array(measured.indices, pa.int32()),
            "row_id": [ids[i] for i in measured.indices],
            "base_loss": measured.base_loss,
            "deltas": [row.ravel().tolist() for row in measured.deltas],
        }
    )
