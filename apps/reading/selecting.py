"""What the preview of a selection reads beside one table of scores.

    combined_rows((first, second), stamps_of((first, second)), "rank-mean")
    signatures_of(scores, stamps_of((scores,)))

Each is read once for all sessions. A stamp tells one version of a file from the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import UInt32

from apps.reading.sharing import shared
from workbench.selection import read_combined, read_scores, text_signatures


def stamps_of(paths: Sequence[Path]) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns for path in paths)


@shared(2)
def combined_rows(paths: tuple[Path, ...], stamps: tuple[int, ...], how: str) -> pd.DataFrame:
    """The first table, row for row, with the combined score; InputError as `read_combined`."""
    return read_combined(paths, how=how)


@shared(2)
def signatures_of(path: Path, stamps: tuple[int, ...]) -> UInt32[np.ndarray, "row place"]:
    """The signature of the text of each scored row, row for row with the table.

    InputError where the data are no longer what was scored.
    """
    return text_signatures(read_scores(path), path)
