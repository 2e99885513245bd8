"""The rows behind a scores table: the table itself, and the text of chosen rows.

rows = samples_of(run, tuple(row_ids))
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st
from workspace import FoundRun, load

from workbench.data import read_samples
from workbench.errors import InputError
from workbench.execute import read_scores
from workbench.types import Sample


def scored_rows(run: FoundRun) -> pd.DataFrame:
    """The rows of the scores table with status `ok`."""
    frame = load(read_scores, run.result)
    return frame.query("status == 'ok'")


def samples_of(run: FoundRun, row_ids: tuple[str, ...]) -> dict[str, Sample]:
    """The samples of these rows; a warning where the scored data has moved or changed."""
    try:
        found = _read(tuple(run.data), run.manifest.get("details", {}).get("shape"), row_ids)
    except (InputError, OSError) as err:
        st.warning(f"The scored data cannot be read: {err}")
        return {}
    if len(found) < len(set(row_ids)):
        names = ", ".join(Path(name).name for name in run.data)
        st.warning(f"Some of these rows are no longer in {names}: the data has changed.")
    return found


@st.cache_resource(max_entries=32, show_spinner="Reading the samples")
def _read(
    sources: tuple[str, ...], shape: str | None, row_ids: tuple[str, ...]
) -> dict[str, Sample]:
    wanted, found = set(row_ids), {}
    for row in read_samples(list(sources), shape=shape):
        if isinstance(row, Sample) and row.row_id in wanted:
            found[row.row_id] = row
            if len(found) == len(wanted):
                break
    return found
