"""What a validation measures, in pieces that are functions of an engine: done here, or shared out.

    share = done_here(engine)
    (table,) = share("loss", [("2 sets on 9 samples", lambda engine: pa.table({"loss": [0.5]}))])

A piece's table is the same whoever measures it, so a run may keep it and ask for it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from workbench.engines import Engine
from workbench.types import Progress, no_progress

Measure = Callable[[Engine], pa.Table]
Piece = tuple[str, Measure]
"""What progress says of it, and its work."""
Share = Callable[[str, Sequence[Piece]], list[pa.Table]]
"""Of a series, which is asked for once, the tables of its pieces in their order."""


def done_here(engine: Engine, on_progress: Progress = no_progress) -> Share:
    """One piece after the other, on this engine."""

    def share(series: str, pieces: Sequence[Piece]) -> list[pa.Table]:
        tables = []
        for text, measure in pieces:
            tables.append(measure(engine))
            on_progress(len(tables), len(pieces), text)
        return tables

    return share
