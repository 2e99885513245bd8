"""Importance of every head as a run: parts of the probe, then `heads.json` and `deltas.parquet`.

A race of the heads (`workbench.stages.race`) keeps what it measured in `raced.parquet` instead.

outcome = run_heads(place, ModelSource("math-tiny"), probe_path, HeadsOptions(fraction=0.05))
importance, control = read_importance(outcome.run)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.ablation import iter_importance
from workbench.circuits import Importance, RaceOptions, heads_to_json, rank_heads
from workbench.config import file_digest
from workbench.data import batches_by_length, fingerprint_sources
from workbench.errors import InputError
from workbench.models import Model
from workbench.options import HeadsOptions
from workbench.options.heads import RACES
from workbench.probe import rendered_probe, usable_samples
from workbench.runs import Run, RunSpec, open_run
from workbench.stages.probe import ROWS, read_probe
from workbench.stages.race import SCHEDULE, raced_heads
from workbench.stages.request import (
    ModelSource,
    Outcome,
    Place,
    budget_of,
    check_same_template,
    fitted,
    keep_facts,
    read_usable,
)
from workbench.types import HeadScores, ProbeSet, Sample

RESULT = "heads.json"
DELTAS = "deltas.parquet"
CONTROL_DELTAS = "control_deltas.parquet"
RACED = "raced.parquet"


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
    asked = race_options(options) if options.method in RACES else None
    if asked and (control or options.rank != "delta"):
        raise InputError(
            f"the method {options.method} runs few samples, which is too little for a contrast",
            do="leave out --control and --rank, or find heads with --method exact",
        )
    if options.rank == "contrast" and not control:
        raise InputError(
            "the heads are to be ranked by contrast and there is no control data",
            do="pass --control D, for example --control text",
        )
    spec = RunSpec(
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
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            probe, model = read_probe(probe_path), source.load()
            check_same_template(probe_path.parent, model)
            tokens = budget_of(run, model, batch_tokens)
            summary = _summary(probe, probe_path)
            if asked:
                asked = dataclasses.replace(asked, batch_tokens=tokens)
                heads = raced_heads(run, place, model, probe, asked, summary=summary)
                run.merge_parts(RACED)
            else:
                heads = _exact_heads(
                    run,
                    place,
                    model,
                    probe,
                    options,
                    control=control,
                    batch_tokens=tokens,
                    summary=summary,
                )
            keep_facts(run, model)
            run.finish_json(RESULT, heads_to_json(heads), counts={"ok": len(probe.samples)})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _exact_heads(
    run: Run,
    place: Place,
    model: Model,
    probe: ProbeSet,
    options: HeadsOptions,
    *,
    control: Sequence[str],
    batch_tokens: int,
    summary: Mapping[str, Any],
) -> HeadScores:
    """Every head on every sample of the probe, and of the control where there is one."""
    importance = _measure(run, place, model, probe, batch_tokens)
    run.merge_parts(DELTAS)
    beside = None
    if control:
        rows = _control_probe(model, control, options)
        beside = _measure(run, place, model, rows, batch_tokens, series="control")
        run.merge_parts(CONTROL_DELTAS, series="control")
    return rank_heads(
        importance,
        model.info,
        fraction=options.fraction,
        min_heads=options.min_heads,
        seed=options.seed,
        method=options.method,
        probe=summary,
        control=beside,
        control_probe={"data": list(control), "seed": options.seed},
        rank_by=options.rank,
    )


def race_options(options: HeadsOptions) -> RaceOptions:
    """What a race is asked, of all that heads are asked."""
    shared = {field.name for field in dataclasses.fields(RaceOptions)} - {"batch_tokens"}
    chosen = {name: value for name, value in dataclasses.asdict(options).items() if name in shared}
    return RaceOptions(**chosen)


def read_importance(folder: Path) -> tuple[Importance | None, Importance | None]:
    """Per-sample deltas of the heads run in `folder`, on its probe and its control probe.

    None for what the run does not hold: heads of another project come without samples.
    """
    if not (folder / DELTAS).is_file():
        return None, None
    try:
        shape = json.loads((folder / RESULT).read_text(encoding="utf-8"))["model"]
        size = (int(shape["n_layers"]), int(shape["n_heads"]))
        found = [
            _importance([folder / name], *size) if (folder / name).is_file() else None
            for name in (DELTAS, CONTROL_DELTAS)
        ]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"the deltas of {folder} cannot be read ({type(err).__name__})",
            expected="a run of `workbench heads find`",
        ) from err
    return found[0], found[1]


def seen_rows(folder: Path) -> frozenset[str] | None:
    """Ids of the rows that the heads run in `folder` was found on, and of its control.

    None where the folder does not say: heads of another project come without samples.
    """
    tables = [folder / name for name in (DELTAS, CONTROL_DELTAS, RACED)]
    found: set[str] = set()
    for path in tables:
        if path.is_file() and "row_id" in pq.read_schema(path).names:
            found |= set(pq.read_table(path, columns=["row_id"])["row_id"].to_pylist())
    return frozenset(found) if found else None


def _config(options: HeadsOptions, control: Sequence[str]) -> dict[str, Any]:
    """What the run's name depends on; options of the control only where there is one."""
    config = dataclasses.asdict(options)
    if not control:
        del config["rank"], config["control_n"]
    if options.method in RACES:
        config["schedule"] = SCHEDULE
    else:
        del config["confidence"], config["first"]
    return config


def _summary(probe: ProbeSet, probe_path: Path) -> dict[str, Any]:
    return {
        "strategy": probe.strategy,
        "seed": probe.seed,
        "trim": probe.trim,
        "run": probe_path.parent.name,
    }


def _control_probe(model: Model, control: Sequence[str], options: HeadsOptions) -> ProbeSet:
    """A random draw of the rows of `control` that a loss can be taken on."""
    rows: list[Sample] = read_usable(control)
    usable = list(usable_samples(model, rows))
    if not usable:
        raise InputError(
            f"none of the {len(rows)} control rows can be used",
            expected="text that fits the model's context",
        )
    order = np.random.default_rng(options.seed).permutation(len(usable))[: options.control_n]
    chosen = tuple(rows[usable[i]] for i in sorted(order.tolist()))
    return ProbeSet(chosen, strategy="random", seed=options.seed)


def _measure(
    run: Run,
    place: Place,
    model: Model,
    probe: ProbeSet,
    batch_tokens: int,
    *,
    series: str = "",
) -> Importance:
    """Importance of the whole probe; batches that an earlier attempt finished are read back."""
    rendered = rendered_probe(model, probe)
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    ids = [sample.row_id for sample in probe.samples]
    n_total = len(batches) * model.n_layers
    for number, batch in enumerate(batches):
        if run.has_part(number, series=series):
            continue

        def tell(done: int, _total: int, text: str, before: int = number) -> None:
            said = fitted(run, model, f"{series}: {text}" if series else text)
            run.event(before * model.n_layers + done, n_total, said)
            place.on_progress(before * model.n_layers + done, n_total, said)

        (measured,) = iter_importance(model, rendered, batches=[batch], on_progress=tell)
        run.write_part(number, _table(measured, ids), series=series)
    stem = f"{series}-" if series else ""
    parts = [run.path / "parts" / f"{stem}{i:05d}.parquet" for i in range(len(batches))]
    return _importance(parts, model.n_layers, model.n_heads)


def _importance(paths: Sequence[Path], n_layers: int, n_heads: int) -> Importance:
    table = pa.concat_tables([pq.read_table(path) for path in paths]).sort_by("position")
    deltas = np.array(table["deltas"].to_pylist())
    return Importance(
        row_ids=tuple(table["row_id"].to_pylist()),
        base_loss=table["base_loss"].to_numpy(),
        deltas=deltas.reshape(len(deltas), n_layers, n_heads),
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
