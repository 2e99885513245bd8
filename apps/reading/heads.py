"""What the Heads page reads beside `heads.json`: per-sample deltas, other cuts, the probe.

recut(run, heads, n_top=5)        # the same ranking with another circuit
second_measure(heads)             # retrieval scores of the same model, or the other way round
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from apps.reading.workspace import FoundRun, finished_runs, load, parent_of
from workbench.circuits import Importance, rank_heads, read_heads
from workbench.data import read_samples
from workbench.stages import read_importance, read_probe
from workbench.types import Head, HeadScores, Sample

DELTAS, SAMPLES = "deltas.parquet", "samples.jsonl"


def deltas_of(run: FoundRun) -> Importance | None:
    """The loss increase of every head on every probe sample; None where the run keeps none."""
    path = run.folder / DELTAS
    return load(_read_importance, path)[0] if path.is_file() else None


def _read_importance(path: Path) -> tuple[Importance | None, Importance | None]:
    return read_importance(path.parent)


def recut(run: FoundRun, heads: HeadScores, n_top: int) -> HeadScores:
    """The ranking of the run with its `n_top` first heads as circuit, and their stability."""
    path = run.folder / DELTAS
    importance, control = load(_read_importance, path) if path.is_file() else (None, None)
    stability: Mapping[Head, float] = {}
    if importance is not None:
        stability = _stability(run.name, run.created, n_top, heads, (importance, control))
    return dataclasses.replace(
        heads,
        heads=tuple(
            dataclasses.replace(
                h,
                selected=h.rank <= n_top,
                stability=stability.get(Head(h.layer, h.head), h.stability),
            )
            for h in heads.heads
        ),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _stability(
    name: str,
    created: str,
    n_top: int,
    _heads: HeadScores,
    _probes: tuple[Importance, Importance | None],
) -> Mapping[Head, float]:
    importance, control = _probes
    ranked = rank_heads(
        importance,
        _heads.model,
        fraction=n_top / len(_heads.heads),
        min_heads=n_top,
        control=control,
        rank_by=_heads.rank_by,
    )
    return {Head(h.layer, h.head): h.stability for h in ranked.heads}


def probe_samples(run: FoundRun) -> dict[str, Sample]:
    """The probe's samples by row id; empty where the probe is gone.

    A retrieval run has made its samples itself and keeps them beside its result.
    """
    own = run.folder / SAMPLES
    if own.is_file():
        return load(_read_samples, own)
    probe = parent_of(run, "probe")
    if probe is None:
        return {}
    return {sample.row_id: sample for sample in load(read_probe, probe.result).samples}


def _read_samples(path: Path) -> dict[str, Sample]:
    rows = read_samples([str(path)])
    return {row.row_id: row for row in rows if isinstance(row, Sample)}


def second_measure(heads: HeadScores) -> HeadScores | None:
    """The newest result on the same model that measured something else: copying, or loss."""
    for run in finished_runs("heads"):
        other = load(read_heads, run.result)
        is_same = _model_of(other) == _model_of(heads)
        if is_same and (other.method == "retrieval") != (heads.method == "retrieval"):
            return other
    return None


def _model_of(heads: HeadScores) -> tuple[str, int, int]:
    return heads.model.weights_sha256, heads.model.n_layers, heads.model.n_heads
