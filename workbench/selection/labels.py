"""Columns of labels as numbers: a pool of millions has few different sources and groups.

names, codes = coded(pd.Series(["b", "a", "b"]))  # ["a", "b"] and 1, 0, 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

NONE = "(none)"


def label_texts(values: pd.Series, text: Callable[[Any], str]) -> pd.Categorical:
    """The text of each value, `(none)` where it is missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        # The code -1 of a missing value takes the last of the names.
        names = np.array([*map(text, values.cat.categories), NONE], dtype=object)
        places, kinds = pd.factorize(names)
        return pd.Categorical.from_codes(places[values.cat.codes.to_numpy()], kinds)
    missing = values.isna()
    return pd.Categorical(
        [NONE if lacks else text(value) for value, lacks in zip(values, missing, strict=True)]
    )


def one_label(n_rows: int) -> pd.Categorical:
    """The label of rows that are not parted: an empty one."""
    return pd.Categorical.from_codes(np.zeros(n_rows, dtype=np.int8), [""])


def coded(values: Sequence[Any] | pd.Series) -> tuple[list[Any], Int64[np.ndarray, " row"]]:
    """The different values in order, and for each row the place of its own among them."""
    codes, found = pd.factorize(pd.Series(values))
    names = found.tolist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return [names[i] for i in order], rank[codes]


def counted(values: Sequence[Any] | pd.Series) -> dict[str, int]:
    """How often each value is there, by its text."""
    counts = pd.Series(values).value_counts(dropna=False)
    return dict(sorted((str(name), int(n)) for name, n in counts.items() if n))
