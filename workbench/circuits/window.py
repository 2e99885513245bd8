"""Which tokens of a long solution count: all, or its first or last so many.

rows = counted_window(rendered, "first:200")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workbench.models import TEMPLATE, Rendered
from workbench.options.heads import count_window


def counted_window(rendered: Sequence[Rendered], count: str) -> list[Rendered]:
    """The rows with the other tokens of their solutions left uncounted.

    What comes after the last counted token is cut off: no loss needs it, so no pass has to run it.
    """
    kind, n = count_window(count)
    return list(rendered) if kind == "all" else [_row(row, kind, n) for row in rendered]


def _row(row: Rendered, kind: str, n: int) -> Rendered:
    places = np.flatnonzero(row.counted("completion"))
    places = places[places > 0]
    chosen = places[:n] if kind == "first" else places[-n:]
    if not len(chosen):
        return row
    parts, end = row.parts.copy(), int(chosen[-1]) + 1
    parts[np.setdiff1d(places, chosen)] = TEMPLATE
    chars = None if row.chars is None else row.chars[:end]
    return replace(row, ids=row.ids[:end], parts=parts[:end], chars=chars)
