"""All runs of a folder as a table, the newest first.

show_run_table(workspace().every())
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from apps.widgets.runs import workspace
from workbench.runs import RunSummary

COLUMNS = {
    "name": "Run",
    "whose": "Whose",
    "stage": "Stage",
    "status": "Status",
    "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
    "created": "Started (UTC)",
    "reason": "Reason",
}


def show_run_table(runs: Sequence[RunSummary]) -> None:
    """A row a run; reasons only where there are any."""
    rows = [
        {
            "name": run.name,
            "whose": workspace().origin(run),
            "stage": run.stage,
            "status": run.status,
            "seconds": run.seconds,
            "created": run.created[:19].replace("T", " "),
            "reason": run.reason,
        }
        for run in runs
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    if not any(run.reason for run in runs):
        frame = frame.drop(columns="reason")
    st.dataframe(frame, column_config=COLUMNS, hide_index=True, alt="All runs, newest first")
