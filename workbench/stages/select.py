"""Selection and export as runs: `selection.parquet` with its diagnostics, then a dataset folder.

outcome = run_select(place, scores_path, SelectOptions("soft", fraction=0.1))
run_export(place, outcome.result, Path("subset"), format="jsonl")
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.config import file_digest
from workbench.data import fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.options import SelectOptions
from workbench.runs import RunSpec, open_run, read_manifest
from workbench.scoring import SCORERS, exported_options
from workbench.selection import LENGTH_BIN, Selection, export_selection, select
from workbench.stages.request import Outcome, Place
from workbench.types import Sample

RESULT = "selection.parquet"
DIAGNOSTICS = "diagnostics.json"
SCORE_COLUMNS = {"row_id", "row_index", "source", "n_tokens", "score", "status"}


def run_select(
    place: Place, scores_path: Path, options: SelectOptions, *, data: Sequence[str] = ()
) -> Outcome:
    """Draw a subset from a scores table.

    A `group_by` column that the table does not carry is read from the scored data; `length_bin`
    is worked out from the lengths.
    """
    spec = RunSpec(
        f"select-{options.policy}",
        config=_config(options),
        inputs={"scores": file_digest(scores_path)},
        result_name=RESULT,
        parents=(scores_path.parent.name,),
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            selection = _selection(scores_path, options, data)
            run.write_json(DIAGNOSTICS, selection.diagnostics)
            table = pa.Table.from_pandas(selection.rows, preserve_index=False)
            run.finish_table(RESULT, table, counts={"ok": len(selection.rows)})
    return Outcome(run.path, run.result, reused, json.loads((run.path / DIAGNOSTICS).read_text()))


def _config(options: SelectOptions) -> dict[str, Any]:
    """The options; without rows chosen by hand, the question is the one without such options."""
    config = dataclasses.asdict(options)
    by_hand = {name: sorted(config.pop(name)) for name in ("keep", "drop")}
    return config | {name: row_ids for name, row_ids in by_hand.items() if row_ids}


def _selection(scores_path: Path, options: SelectOptions, data: Sequence[str]) -> Selection:
    scores = read_scores(scores_path)
    groups = None
    if options.group_by and options.group_by not in [*scores, LENGTH_BIN]:
        groups = _column(scores_path, list(data), options.group_by, len(scores))
    return select(scores, **dataclasses.asdict(options), groups=groups)


def explain_select(
    scores_path: Path, options: SelectOptions, *, data: Sequence[str] = ()
) -> dict[str, Any]:
    """What would be drawn: no pass over a model, and nothing is written."""
    began = time.perf_counter()
    report = _selection(scores_path, options, data).diagnostics
    return {
        "forward_passes": 0,
        "rows": report["n_pool"],
        "rows_selected": report["n_selected"],
        "tokens_selected": report["tokens"]["after"],
        "estimated_seconds": round(time.perf_counter() - began, 2),
    }


def explain_export(
    selection_path: Path, out: Path, *, format: str = "jsonl", form: str = "subset"
) -> dict[str, Any]:
    """What would be written, and where: no pass over a model."""
    selection = _read_table(selection_path, {"row_id", "score", "p", "rank"}, "workbench select")
    return {
        "forward_passes": 0,
        "rows": len(selection),
        "format": format,
        "as": form,
        "out": str(out),
        "out_exists": out.exists(),
    }


def run_export(
    place: Place,
    selection_path: Path,
    out: Path,
    *,
    format: str = "jsonl",
    form: str = "subset",
    data: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the selected rows with every original column, a dataset card and their provenance.

    With the form `repeat-weight` the whole pool is written, and how often each row is to be read.
    """
    selection = _read_table(selection_path, {"row_id", "score", "p", "rank"}, "workbench select")
    chain = stages_behind(selection_path, place.runs)
    sources = list(data) or _scored_data(chain.get("score"))
    return export_selection(
        read_samples(sources, shape=_shape(chain.get("score"))),
        selection,
        out,
        format=format,
        form=form,
        provenance=provenance(chain),
        name=out.resolve().name,
        scores=_scores_behind(selection_path, place.runs, chain) if form != "subset" else None,
    )


def _scores_behind(selection_path: Path, runs: Path, chain: Mapping[str, Any]) -> dict[str, float]:
    """The score of every row of the pool, as far as the run that scored it still exists."""
    if "score" not in chain:
        return {}
    name, beside = chain["score"]["run"], selection_path.parents[1]
    folder = beside / name if (beside / name).is_dir() else runs / name
    try:
        scores = read_scores(folder / "scores.parquet")
    except InputError:
        return {}
    kept = scores.loc[scores["status"] == "ok", ["row_id", "score"]]
    return dict(zip(kept["row_id"].astype(str), kept["score"].astype(float), strict=True))


def read_scores(path: Path) -> pd.DataFrame:
    return _read_table(path, SCORE_COLUMNS, "workbench score")


def _read_table(path: Path, columns: set[str], command: str) -> pd.DataFrame:
    try:
        frame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as err:
        raise InputError(
            f"{path} cannot be read as Parquet", expected=f"the result of `{command}`"
        ) from err
    if missing := sorted(columns - set(frame.columns)):
        raise InputError(
            f"{path} has no column {', '.join(missing)}", expected=f"the result of `{command}`"
        )
    return frame


def stages_behind(selection_path: Path, runs: Path) -> dict[str, Any]:
    """Stage to manifest, from the selection back to the probe, as far as the runs still exist.

    A parent lies beside its child, or under `runs`.
    """
    chain: dict[str, Any] = {}
    queue = [selection_path.parent]
    while queue:
        folder = queue.pop(0)
        try:
            manifest = read_manifest(folder)
        except InputError:
            continue
        chain.setdefault(manifest["stage"].partition("-")[0], {**manifest, "run": folder.name})
        for name in manifest["parents"]:
            beside = folder.parent / name
            queue.append(beside if beside.is_dir() else runs / name)
    return chain


def provenance(chain: Mapping[str, Any]) -> dict[str, Any]:
    """What an export says about its making: the settings by name, then every stage in full.

    Times and places are left out, so that the same selection gives the same bytes anywhere.
    """
    chosen, score = chain.get("select"), chain.get("score")
    return {
        **(_score_settings(score) if score else {}),
        **(_select_settings(chosen["config"]) if chosen else {}),
        "stages": {stage: _without_places(manifest) for stage, manifest in chain.items()},
    }


def _score_settings(score: Mapping[str, Any]) -> dict[str, Any]:
    config, model = score["config"], _named(score["model"])
    method = config["method"]
    return {
        "model": model["id"],
        "revision": model["revision"],
        "weights_sha256": model["weights_sha256"],
        "circuit": score["details"].get("circuit"),
        "method": method,
        # Runs of version 0.1 leave the part out where it is the method's own.
        "part": config.get("part") or SCORERS[method].part,
        **exported_options(method, config),
    }


def _select_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "policy": config["policy"],
        "adjust": config["adjust"],
        "temperature": config["temperature"] if config["policy"] == "soft" else None,
        "group_by": config["group_by"],
        "budget": {k: config[k] for k in ("fraction", "n", "tokens") if config[k] is not None},
        "seed": config["seed"],
    }


def _without_places(manifest: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("run", "stage", "config", "inputs", "versions", "parents", "counts")
    return {**{k: manifest[k] for k in kept}, "model": _named(manifest["model"])}


def _named(model: Mapping[str, Any] | None) -> dict[str, Any]:
    """The model's block of a manifest; one from a local folder, known by its path, by its name."""
    if model is None:
        return {}
    return {**model, "id": model["id"] if model["revision"] else Path(model["id"]).name}


def _shape(score: Mapping[str, Any] | None) -> str | None:
    return score["config"].get("shape") if score else None


def _scored_data(score: Mapping[str, Any] | None) -> list[str]:
    """The sources that were scored, provided that they are still what they were."""
    if score is None:
        raise InputError(
            "the scored data of this selection is not known (its score run is gone)",
            do="pass it with --data",
        )
    sources = list(score["details"]["data"])
    if fingerprint_sources(sources) != score["inputs"]["data"]:
        raise InputError(
            f"the data {', '.join(sources)} has changed since it was scored",
            expected="the same files",
            do="score it again, or pass the old data with --data",
        )
    return sources


def _column(scores_path: Path, data: list[str], column: str, n_rows: int) -> pd.Series:
    """One column of the scored data, in the order of the scores; None where a row lacks it."""
    score = stages_behind(scores_path, scores_path.parent).get("score")
    sources = data or _scored_data(score)
    values = [
        row.row.get(column) if isinstance(row, Sample) else None
        for row in read_samples(sources, shape=_shape(score))
    ]
    if len(values) != n_rows or all(value is None for value in values):
        raise InputError(
            f"no column '{column}' in {', '.join(sources)}",
            expected="a column of the scored data",
            do="pass another --group-by",
        )
    return pd.Series(values, name=column)
