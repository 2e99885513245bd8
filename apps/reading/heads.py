"""What is read beside `heads.json`: per-sample deltas, other cuts, the probe, the other measure.

recut_of(run, 5)                  # the same ranking with another circuit
second_measure(heads, runs)       # retrieval scores of the same model, or the other way round
"""

from __future__ import annotations

from pathlib import Path

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.sharing import shared
from apps.reading.workspace import Workspace
from workbench.circuits import Importance, read_heads, recut
from workbench.data import read_samples
from workbench.stages import read_contributions, read_importance, read_probe, read_raced
from workbench.types import HeadScores, Sample

DELTAS, RACED, SAMPLES = "deltas.parquet", "raced.parquet", "samples.jsonl"
Importances = tuple[Importance | None, Importance | None]


def deltas_of(run: FoundRun) -> Importance | None:
    """The loss increase of every head on every probe sample; None where the run keeps none.

    After a race NaN where a head was not run on a sample.
    """
    if (run.folder / RACED).is_file():
        return load(_read_raced, run.folder / RACED)
    return _importances(run.folder)[0]


def recut_of(run: FoundRun, n_top: int) -> HeadScores:
    """The ranking of the run with its `n_top` first heads as circuit, and their stability."""
    return _recut(run.folder, run.result, run.created, n_top)


@shared(64)
def _recut(folder: Path, result: Path, created: str, n_top: int) -> HeadScores:
    importance, control = _importances(folder)
    heads, contributions = load(read_heads, result), read_contributions(folder)
    return recut(heads, n_top, importance=importance, control=control, contributions=contributions)


def _importances(folder: Path) -> Importances:
    path = folder / DELTAS
    return load(_read_importances, path) if path.is_file() else (None, None)


def _read_importances(path: Path) -> Importances:
    return read_importance(path.parent)


def _read_raced(path: Path) -> Importance | None:
    return read_raced(path.parent)


def probe_samples(run: FoundRun, runs: Workspace) -> dict[str, Sample]:
    """The probe's samples by row id; empty where the probe is gone.

    A retrieval run has made its samples itself and keeps them beside its result.
    """
    own = run.folder / SAMPLES
    if own.is_file():
        return load(_read_samples, own)
    probe = runs.parent(run, "probe")
    if probe is None:
        return {}
    return {sample.row_id: sample for sample in load(read_probe, probe.result).samples}


def _read_samples(path: Path) -> dict[str, Sample]:
    rows = read_samples([str(path)])
    return {row.row_id: row for row in rows if isinstance(row, Sample)}


def second_measure(heads: HeadScores, runs: Workspace) -> HeadScores | None:
    """The newest result on the same model that measured something else: copying, or loss."""
    for run in runs.finished("heads"):
        other = load(read_heads, run.result)
        is_same = _model_of(other) == _model_of(heads)
        if is_same and (other.method == "retrieval") != (heads.method == "retrieval"):
            return other
    return None


def _model_of(heads: HeadScores) -> tuple[str, int, int]:
    return heads.model.weights_sha256, heads.model.n_layers, heads.model.n_heads
