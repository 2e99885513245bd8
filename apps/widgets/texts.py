"""The texts and hand-made marks of a scored run, or the words that say why they are not at hand.

texts = texts_of(run, table.n_rows)          # None: the page goes on without
marks = known_marks(marks_path(run))
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import streamlit as st

from apps.jobs.job import find_job, start_job
from apps.reading import text_index
from apps.reading.roots import checked_data
from apps.reading.runs import FoundRun
from apps.reading.texts import TextIndex, Texts, index_of
from apps.reading.workspace import allowed_roots, own_root
from apps.words.markdown import literal
from workbench.errors import InputError
from workbench.selection import read_marks

MAX_ROWS_AT_ONCE = 20_000


def texts_of(run: FoundRun, n_rows: int) -> Texts | None:
    """The scored texts; where they cannot be read the page says so, and goes on without."""
    try:
        index = index_of(run, [checked_data(name, allowed_roots()) for name in run.data])
        if not index.path.is_file():
            if n_rows > MAX_ROWS_AT_ONCE:
                _offer_to_read(index, n_rows)
                return None
            with st.spinner("Reading the texts"):
                index.build()
        texts = index.open()
    except (InputError, OSError, pa.ArrowInvalid) as err:
        st.warning(literal(f"The scored data cannot be read: {err}"))
        return None
    if index.has_changed:
        names = ", ".join(Path(name).name for name in run.data)
        st.warning(
            f"{literal(names)} has changed since it was scored; rows that differ are shown empty."
        )
    return texts


def _offer_to_read(index: TextIndex, n_rows: int) -> None:
    """Large data is read by a job, which a button starts."""
    key = index.path.stem
    job = find_job(own_root(), key)
    if job is not None and job.is_active:
        st.info(f"The texts of {n_rows:,} rows are being read; the page works without them.")
        return
    help_text = "Needed to show the rows and to search them. Takes about a minute per million rows."
    if st.button(f"Read the texts of {n_rows:,} rows", help=help_text):
        argv = [sys.executable, "-P", str(Path(text_index.__file__)), f"--out={index.path}"]
        argv += [f"--data={name}" for name in index.sources]
        argv += [f"--how={json.dumps(index.how.asked)}"]
        title = "Texts of " + ", ".join(Path(name).name for name in index.sources)
        start_job(own_root(), "texts", argv, title=title, key=key)
        st.rerun()


def known_marks(path: Path) -> dict[str, str] | None:
    """The marks; None where the file is torn, which the page then says."""
    try:
        return read_marks(path)
    except InputError as err:
        st.error(literal(f"The rows chosen by hand cannot be read: {err}"))
        return None
