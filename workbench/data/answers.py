"""Is the final answer of a text right? GSM8K's `####`, `\\boxed{}`, or a short `answer` column.

reference = reference_answer(sample)
reference is not None and is_right(decoded_text, reference)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from workbench.answer_marks import HASHES, SAID, Box, boxes
from workbench.data.equality import same_answer
from workbench.data.quantities import LONGEST, as_number
from workbench.types import Sample

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
# What stands between boxes that hold one answer together: `\boxed{2}$ or $x = \boxed{3}`.
_JOINT = re.compile(r"[\s$]*(?:,|,?(?:\\text\{)?\s*(?:and|or)\b\s*\}?)[\s$]*(?:\w+\s*=\s*)?")
_REMARK = re.compile(
    r"(?:,\s+(?!(?:and|or)\b)[a-z]{2,}\b|\s+(?:because|since|in total|in all)\b).*"
)


@dataclass(frozen=True)
class Reference:
    """The right answer of a row; `marked` when its solution marks the answer as final."""

    answer: str
    marked: bool


def reference_answer(sample: Sample) -> Reference | None:
    """The answer that a text can be held against, or None where the row gives none.

    From the column `answer` (GSM8K's holds the whole solution), else from the marked answer of the
    solution, else a solution that is a number and nothing more.
    """
    in_solution = marked_answer(sample.completion)
    column = _written(sample.row.get("answer") if sample.answer is None else sample.answer)
    if column:
        in_column = marked_answer(column)
        if in_column is not None:
            return Reference(in_column, marked=True)
        if "\n" not in column and len(column) <= LONGEST:
            return Reference(column, marked=in_solution is not None)
    if in_solution is not None:
        return Reference(in_solution, marked=True)
    alone = sample.completion.strip()
    return Reference(alone, marked=False) if as_number(alone) is not None else None


def is_right(text: str, reference: Reference) -> bool:
    """Whether the final answer of `text` is the reference's.

    Where the reference solution marks its answer, the text has to mark one too (`####`, boxed,
    "the answer is"): the last number of a text that broke off is no answer. Otherwise the last
    number counts, or the whole text. What stands in a think block is never the answer.
    """
    found = marked_answer(text)
    if found is None and not reference.marked:
        said = _without_thought(text)
        numbers = _NUMBER.findall(said)
        found = numbers[-1] if numbers and as_number(reference.answer) is not None else said
    return found is not None and same_answer(found, reference.answer)


def marked_answer(text: str) -> str | None:
    """The last answer that `text` marks as final behind its think block.

    The last of boxed and `####`, else "the answer is". Boxes joined by a comma, "and" or "or" are
    one answer, `2,3`. A number alone behind a think block needs no mark.
    """
    whole, text = text, _without_thought(text)
    boxed = list(boxes(text))
    hashes = list(HASHES.finditer(text))
    if boxed and not (hashes and hashes[-1].start() > boxed[-1].start):
        return _joined(boxed, text)
    if said := hashes or list(SAID.finditer(text)):
        return _REMARK.sub("", " ".join(said[-1][1].split())).strip(" *")
    alone = text != whole and as_number(text) is not None
    return text.strip() if alone else None


def _without_thought(text: str) -> str:
    """What stands behind the last think block; of one that broke off nothing."""
    return text.rpartition("</think>")[2].partition("<think>")[0]


def _written(value: Any) -> str:
    """An `answer` column as text, floats with all their digits; "" for what is no answer."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    if not math.isfinite(value):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def _joined(boxed: list[Box], text: str) -> str:
    contents = [boxed[-1].content]
    for box, following in zip(reversed(boxed[:-1]), reversed(boxed), strict=False):
        if not _JOINT.fullmatch(text[box.end : following.start]):
            break
        contents.insert(0, box.content)
    return ",".join(contents)
