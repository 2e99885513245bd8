"""The rows behind a scores table: their texts, and a search through them.

index = index_of(run, checked_sources)       # where the texts of this version of the data lie
texts = index.open()                         # once `index.path` is there
texts.sample(17, "r17"), texts.search("apples")
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock
from jaxtyping import Int64

from apps.reading import text_index
from apps.reading.columns import held
from apps.reading.runs import FoundRun
from apps.reading.sharing import shared
from apps.reading.workspace import own_root
from workbench.config import digest
from workbench.data import fingerprint_sources, resolve_source
from workbench.options import ReadOptions
from workbench.types import Sample

MOST_LABELS = 200


@dataclass(frozen=True)
class Texts:
    """The rows of a dataset; a place is a row's index in it. `name` tells the version."""

    table: pa.Table = field(compare=False)
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
        return _labels(self, column)

    def search(self, wanted: str) -> Int64[np.ndarray, " place"]:
        """Rows whose prompt or solution holds `wanted`, in either case of letters."""
        return _search(self, wanted)

    def labelled(self, column: str, wanted: Sequence[str]) -> Int64[np.ndarray, " place"]:
        """Rows whose `column` is one of `wanted`."""
        return np.flatnonzero(held(self.table[column], wanted))


@shared(16)
def _labels(texts: Texts, column: str) -> list[str]:
    values = texts.table[column].unique().to_pylist()
    known = sorted(value for value in values if value)
    return known if len(known) <= MOST_LABELS else []


@shared(16)
def _search(texts: Texts, wanted: str) -> Int64[np.ndarray, " place"]:
    options = pc.MatchSubstringOptions(wanted, ignore_case=True)

    def has_it(batch: pa.RecordBatch) -> np.ndarray:
        hits = [
            pc.call_function("match_substring", [batch.column(column)], options)
            for column in ("prompt", "completion")
        ]
        return pc.call_function("or", hits).to_numpy(zero_copy_only=False)

    # Arrow searches outside of Python's lock, so that threads share the work.
    with ThreadPoolExecutor() as pool:
        hits = list(pool.map(has_it, texts.table.to_batches()))
    return np.flatnonzero(np.concatenate(hits)) if hits else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class TextIndex:
    """Where the texts of one version of a run's data are kept, and how they are made."""

    path: Path
    sources: tuple[str, ...]
    how: ReadOptions
    has_changed: bool

    def build(self) -> None:
        """Write the file, unless another session has just done so."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            if not self.path.is_file():
                text_index.build(self.sources, self.how, out=self.path)

    def open(self) -> Texts:
        return Texts(_mapped(self.path), self.path.stem)


def index_of(run: FoundRun, sources: Sequence[str]) -> TextIndex:
    """The index of a run's data as it is now; `has_changed` if that is no longer what was scored.

    Raises:
        InputError: The data cannot be found or read.
    """
    how = ReadOptions.of(run.manifest["config"])
    found = _fingerprint(tuple(sources), _stamps(sources))
    path = (
        cache_folder() / f"texts-{digest([found, how.asked, text_index.SCHEMA.names])[:16]}.arrow"
    )
    return TextIndex(path, tuple(sources), how, found != run.manifest["inputs"].get("data"))


@shared(16)
def _fingerprint(sources: tuple[str, ...], stamps: tuple[Any, ...]) -> list[dict[str, Any]]:
    return fingerprint_sources(list(sources))


def _stamps(sources: Sequence[str]) -> tuple[Any, ...]:
    """What tells another version of the files without reading them."""
    files = [
        path for name in sources if not name.startswith("hf:") for path in resolve_source(name)
    ]
    return tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


@shared(4)
def _mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def cache_folder() -> Path:
    """`.cache` in the folder of runs where that exists, else a temporary folder."""
    if own_root().is_dir():
        return own_root() / ".cache"
    return _temporary()


@shared(1)
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="circuit-workbench-"))
