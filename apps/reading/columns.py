"""Columns of a Parquet file, each read once for all sessions: numbers as numpy, texts as Arrow.

    number_column(path, changed, "score")
    text_column(path, changed, "source")     # few different texts: as a dictionary

`changed` tells one version of the file from the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool

from apps.reading.sharing import shared

CODED = ("source", "status", "reason")


@shared(48)
def number_column(path: Path, changed: int, name: str) -> np.ndarray:
    """A column of numbers; missing ones are NaN."""
    return _read(path, name).to_numpy(zero_copy_only=False)


@shared(12)
def text_column(path: Path, changed: int, name: str) -> Any:
    """A column of texts; those of `CODED` as a dictionary, missing ones as empty."""
    column = _read(path, name)
    if name not in CODED:
        return column
    return pc.fill_null(column.cast(pa.string()), "").dictionary_encode()


def _read(path: Path, name: str) -> pa.Array:
    column = pq.read_table(path, columns=[name]).column(name).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def held(column: pa.Array | pa.ChunkedArray, wanted: Sequence[str]) -> Bool[np.ndarray, " row"]:
    """Which texts of a column are among the wanted ones."""
    options = pc.SetLookupOptions(pa.array(list(wanted), pa.string()))
    # By name: the functions of this module are made when it is imported, out of sight of types.
    found = pc.call_function("is_in", [column], options)
    if isinstance(found, pa.ChunkedArray):
        return found.to_numpy()
    return found.to_numpy(zero_copy_only=False)
