"""A head's pattern seen another way: without the first token, or weighted by what is read there.

pattern = without_first(pattern)
weighted(pattern, np.ones(len(pattern)))
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Pattern = Float[np.ndarray, "query key"]


def without_first(pattern: Pattern) -> Pattern:
    """Each row shared out again over all tokens but the first; a row without any rest is 0."""
    rest = pattern.copy()
    rest[:, 0] = 0.0
    return _shared_out(rest)


def weighted(pattern: Pattern, sizes: Float[np.ndarray, " key"]) -> Pattern:
    """Attention times the size of the value that it reads, each row as shares of 1.

    A head that rests on the first token often reads next to nothing there.
    """
    return _shared_out(pattern * sizes)


def _shared_out(pattern: Pattern) -> Pattern:
    totals = pattern.sum(axis=1, keepdims=True)
    return np.divide(pattern, totals, out=np.zeros_like(pattern), where=totals > 0)
