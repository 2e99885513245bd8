"""All readable rows of some data at once, and one sentence where there is none.

left_out: Counter[str] = Counter()
samples = read_usable(["gsm8k"], left_out=left_out)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from workbench.data.readers import read_samples
from workbench.data.tally import Tally
from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions
from workbench.types import BadRow, Sample

# Other columns are no cure for these.
CURES = {
    "not UTF-8": "convert the file to UTF-8",
    "marked correct": "leave out --generation",
    "no column says": "leave out --generation",
    "expected an object with named columns": 'write each row as an object, {"text": ...}',
    "no list of pairs": "write it as a list of pairs, [[question, answer], ...]",
}


def read_usable(
    data: Sequence[str],
    how: ReadOptions = RECOGNISED,
    *,
    left_out: Counter[str] | None = None,
    tally: Tally | None = None,
) -> list[Sample]:
    """All readable rows of `data`; InputError when there is none.

    The others are counted in `left_out`, and what is read in `tally`.
    """
    rows = list(read_samples(data, how, tally=tally))
    samples = [row for row in rows if isinstance(row, Sample)]
    if left_out is not None and len(samples) < len(rows):
        left_out["malformed"] += len(rows) - len(samples)
    if not samples:
        first = next(row.reason for row in rows if isinstance(row, BadRow))
        raise unreadable(data, n_rows=len(rows), first=first, how=how)
    return samples


def unreadable(
    data: Sequence[str], *, n_rows: int, first: str, how: ReadOptions = RECOGNISED
) -> InputError:
    """What to say of data without a single row that can be read; `first` is the first reason."""
    said = f"none of the {n_rows} rows of {', '.join(data)} can be read (first: {first})"
    cure = next((do for sign, do in CURES.items() if sign in first), None)
    if cure is not None:
        return InputError(said, do=cure)
    prompt, completion, text = map(how.flag, ("prompt_column", "completion_column", "text_column"))
    return InputError(
        said,
        expected="rows in a shape the workbench knows",
        do=f"name the columns ({prompt} and {completion}, or {text})",
    )
