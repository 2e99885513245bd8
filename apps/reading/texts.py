"""The rows behind a scores table: their texts, and a search through them.

texts = texts_of(run)                  # None: not to be had, and the page has said why
texts.sample(17), texts.search("apples", 1000)
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from jaxtyping import Int64

from apps.jobs.job import find_job, start_job
from apps.reading import text_index
from apps.reading.roots import checked_data
from apps.reading.scores import held
from apps.reading.workspace import FoundRun, allowed_roots, own_root
from workbench.config import digest
from workbench.data import fingerprint_sources, resolve_source
from workbench.errors import InputError
from workbench.types import Sample

MAX_ROWS_AT_ONCE = 20_000
MOST_LABELS = 200


@dataclass(frozen=True)
class Texts:
    """The rows of a dataset; a place is a row's index in it."""

    table: pa.Table
    name: str

    def sample(self, place: int, row_id: str) -> Sample | None:
        """The row at `place`, unless the data has changed and it is another one now."""
        if not 0 <= place < len(self.table):
            return None
        record = self.table.slice(place, 1).to_pylist()[0]
        return text_index.sample_of(record, place) if record["row_id"] == row_id else None

    def prompts(self, places: Sequence[int], row_ids: Sequence[str]) -> list[str]:
        found = [self.sample(int(p), i) for p, i in zip(places, row_ids, strict=True)]
        return [sample.prompt if sample else "" for sample in found]

    def labels(self, column: str) -> list[str]:
        """The different values of `subject` or `level`, if there are few enough to choose from."""
        return _labels(self.name, column, self)

    def search(self, wanted: str) -> Int64[np.ndarray, " place"]:
        """Rows whose prompt or solution holds `wanted`, in either case of letters."""
        return _search(self.name, wanted, self)

    def labelled(self, column: str, wanted: Sequence[str]) -> Int64[np.ndarray, " place"]:
        """Rows whose `column` is one of `wanted`."""
        return np.flatnonzero(held(self.table[column], wanted))


@st.cache_resource(max_entries=16, show_spinner=False)
def _labels(name: str, column: str, _texts: Texts) -> list[str]:
    values = _texts.table[column].unique().to_pylist()
    known = sorted(value for value in values if value)
    return known if len(known) <= MOST_LABELS else []


@st.cache_resource(max_entries=16, show_spinner=False)
def _search(name: str, wanted: str, _texts: Texts) -> Int64[np.ndarray, " place"]:
    options = pc.MatchSubstringOptions(wanted, ignore_case=True)

    def has_it(batch: pa.RecordBatch) -> np.ndarray:
        hits = [
            pc.call_function("match_substring", [batch.column(column)], options)
            for column in ("prompt", "completion")
        ]
        return pc.call_function("or", hits).to_numpy(zero_copy_only=False)

    # Arrow searches outside of Python's lock, so that threads share the work.
    with ThreadPoolExecutor() as pool:
        hits = list(pool.map(has_it, _texts.table.to_batches()))
    return np.flatnonzero(np.concatenate(hits)) if hits else np.zeros(0, dtype=np.int64)


def texts_of(run: FoundRun, n_rows: int) -> Texts | None:
    """The scored texts; where they cannot be read the page says so, and goes on without."""
    shape = run.manifest.get("details", {}).get("shape")
    try:
        sources = [checked_data(name, allowed_roots()) for name in run.data]
        found = _fingerprint(tuple(sources), _stamps(sources))
        path = cache_folder() / f"texts-{digest([found, shape])[:16]}.arrow"
        if not path.is_file() and n_rows > MAX_ROWS_AT_ONCE:
            _offer_to_read(path, sources, shape, n_rows)
            return None
        _make(path, sources, shape)
        texts = Texts(_mapped(path), path.stem)
    except (InputError, OSError, pa.ArrowInvalid) as err:
        st.warning(f"The scored data cannot be read: {err}")
        return None
    if found != run.manifest["inputs"].get("data"):
        names = ", ".join(Path(name).name for name in run.data)
        st.warning(f"{names} has changed since it was scored; rows that differ are shown empty.")
    return texts


def _offer_to_read(path: Path, sources: list[str], shape: str | None, n_rows: int) -> None:
    """Large data is read by a job, which a button starts."""
    job = find_job(own_root(), path.stem)
    if job is not None and job.is_active:
        st.info(f"The texts of {n_rows:,} rows are being read; the page works without them.")
        return
    help_text = "Needed to show the rows and to search them. Takes about a minute per million rows."
    if st.button(f"Read the texts of {n_rows:,} rows", help=help_text):
        argv = [sys.executable, "-P", str(Path(text_index.__file__)), f"--out={path}"]
        argv += [f"--data={name}" for name in sources] + ([f"--shape={shape}"] if shape else [])
        title = "Texts of " + ", ".join(Path(name).name for name in sources)
        start_job(own_root(), "texts", argv, title=title, key=path.stem)
        st.rerun()


@st.cache_data(max_entries=16, show_spinner=False)
def _fingerprint(sources: tuple[str, ...], stamps: tuple[Any, ...]) -> list[dict[str, Any]]:
    return fingerprint_sources(sources)


def _stamps(sources: list[str]) -> tuple[Any, ...]:
    """What tells another version of the files without reading them."""
    files = [
        path for name in sources if not name.startswith("hf:") for path in resolve_source(name)
    ]
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


def _make(path: Path, sources: list[str], shape: str | None) -> None:
    """Write the file, unless another session has just done so."""
    with _turn():
        if not path.is_file():
            with st.spinner("Reading the texts"):
                text_index.build(sources, shape=shape, out=path)


@st.cache_resource
def _turn() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(max_entries=4, show_spinner=False)
def _mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def cache_folder() -> Path:
    """`.cache` in the folder of runs where that exists, else a temporary folder."""
    if own_root().is_dir():
        return own_root() / ".cache"
    return _temporary()


@st.cache_resource
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="circuit-workbench-"))
