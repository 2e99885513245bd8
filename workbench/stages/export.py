"""A selection as a dataset folder, with every original column and how it came about.

run_export(place, outcome.result, Path("top"), format="messages")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data import Tally, fingerprint_sources, read_samples
from workbench.runs import Place
from workbench.selection import (
    CONTENT,
    export_selection,
    is_scored_data,
    pool_behind,
    provenance_of,
    read_ok_rows,
    read_selection,
    scored_as,
    scored_data,
    scored_rows,
    scores_of,
    stages_behind,
)


def run_export(
    place: Place,
    selection_path: Path,
    out: Path,
    *,
    format: str = "jsonl",
    form: str = "subset",
    data: Sequence[str] = (),
    **card: Any,
) -> dict[str, Any]:
    """Write the selected rows with every original column, a dataset card and their provenance.

    `card`: `file_type`, `turns`, `license` and `language`, as `export_selection` takes them.

    Rows are found by id and content; where `data` are other files than were scored, the provenance
    names them too. Rows are written as they are read, so what was read is told, and returned as
    `read`, when they all are. With the form `repeat-weight` the whole pool is written, and how
    often each row is to be read.
    """
    selection = read_selection(selection_path)
    chain = stages_behind(selection_path, place.runs)
    score = chain.get("score")
    sources = list(data) or scored_data(score)
    found = fingerprint_sources(sources)
    same_files = not data or is_scored_data(score, found)
    pool = None
    if form != "subset":
        pool = pool_behind(selection_path, place.runs, chain, read=_scores_alone)
    scored = scored_rows(selection if pool is None else pool, same_files=same_files)
    tally = Tally()
    report = export_selection(
        scored.checked(read_samples(sources, scored_as(score), tally=tally)),
        selection,
        out,
        format=format,
        form=form,
        provenance={**provenance_of(chain), **({} if same_files else {"data": found})},
        name=out.resolve().name,
        scores=None if pool is None else scores_of(pool),
        **card,
    )
    place.on_read(tally.summary())
    return {**report, "read": tally.summary()}


def _scores_alone(path: Path) -> pd.DataFrame:
    """What the form `repeat-weight` looks at of a whole pool."""
    return read_ok_rows(path, ("row_id", "status", "score", CONTENT)).rows


def plan_export(
    selection_path: Path, out: Path, *, format: str = "jsonl", form: str = "subset", **card: Any
) -> dict[str, Any]:
    """What would be written, and where: no pass over a model."""
    return {
        "forward_passes": 0,
        "rows": len(read_selection(selection_path)),
        "format": format,
        "as": form,
        **card,
        "out": str(out),
        "out_exists": out.exists(),
    }
