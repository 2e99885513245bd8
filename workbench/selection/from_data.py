"""What the scored data say of the rows of a scores table: columns, and signatures of their texts.

    found = columns_of(scores[:9], scores_path, ["generated"], ["n_steps"])
    signed = text_signatures(scores[:9], scores_path, ["generated"])

Rows are found by id and content, never by their place in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import UInt32

from workbench.data import Tally, fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.selection.provenance import is_scored_data, scored_as, scored_data, stages_behind
from workbench.selection.row_places import Awaited, RowPlaces
from workbench.selection.scored_rows import scored_rows
from workbench.selection.signatures import N_PLACES, said_in, signer
from workbench.types import Progress, Sample, no_progress

EVERY = 1_000


def columns_of(
    scores: pd.DataFrame,
    scores_path: Path,
    data: Sequence[str],
    columns: Sequence[str],
    *,
    tally: Tally | None = None,
) -> dict[str, pd.Series]:
    """Columns of the scored data for the rows of the scores, by their ids; None where missing.

    InputError where a row with a score is not in the data, or is there with another content.
    """
    rows, known = RowPlaces.of(pd.Series(scores["row_id"])), set[str]()
    # Of a text that many rows have one object is held.
    texts = dict[str, str]()
    found = {column: np.full(len(scores), None, dtype=object) for column in columns}
    for sample in _samples(scores, scores_path, data, tally):
        place = rows.of_id(sample.row_id)
        for column, values in found.items():
            value = sample.row.get(column)
            if value is not None:
                known.add(column)
                if place is not None:
                    values[place] = texts.setdefault(value, value) if type(value) is str else value
    for column in columns:
        if column not in known:
            raise InputError(
                f"no column '{column}' in {', '.join(_sources(scores_path, data))}",
                expected="a column of the scored data",
                do="pass another --group-by or --quota",
            )
    return {name: pd.Series(values.tolist(), name=name) for name, values in found.items()}


def text_signatures(
    scores: pd.DataFrame,
    scores_path: Path,
    data: Sequence[str] = (),
    *,
    tally: Tally | None = None,
    on_progress: Progress = no_progress,
) -> UInt32[np.ndarray, "row place"]:
    """The signature of each scored row's text, row for row with the scores; else zeros.

    InputError where a row with a score is not in the data, or is there with another content.
    """
    is_ok = (scores["status"] == "ok").to_numpy()
    place_of = {row_id: place for place, row_id in enumerate(scores["row_id"]) if is_ok[place]}
    found, sign, n_done = np.zeros((len(scores), N_PLACES), dtype=np.uint32), signer(), 0
    for sample in _samples(scores, scores_path, data, tally):
        if (place := place_of.get(sample.row_id)) is None:
            continue
        found[place] = sign(said_in(sample))
        n_done += 1
        if n_done % EVERY == 0 or n_done == len(place_of):
            on_progress(n_done, len(place_of), "texts read for near duplicates")
    return found


def _sources(scores_path: Path, data: Sequence[str]) -> list[str]:
    score = stages_behind(scores_path, scores_path.parent).get("score")
    return list(data) or scored_data(score)


def _samples(
    scores: pd.DataFrame, scores_path: Path, data: Sequence[str], tally: Tally | None
) -> Iterator[Sample]:
    """The readable rows of the data, each of a scored id checked to be what was scored."""
    score = stages_behind(scores_path, scores_path.parent).get("score")
    sources = _sources(scores_path, data)
    same_files = not data or is_scored_data(score, fingerprint_sources(sources))
    scored = scored_rows(scores, same_files=same_files)
    awaited = Awaited(scored.rows)
    for row in scored.checked(read_samples(sources, scored_as(score), tally=tally)):
        if isinstance(row, Sample):
            if (place := scored.rows.of_id(row.row_id)) is not None:
                awaited.take(place)
            yield row
    scored.refuse_missing(awaited)
