"""How a solution marks its final answer: a box, `####`, "the answer is", the end of its thought.

    answer_start("3 + 2 = 5 #### 5")     # 9

What the answer is worth is told by `workbench.data.answers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

HASHES = re.compile(r"####[ \t]*([^\n]+)")
_SAYS = (
    r"(?:(?:answers?(?: to (?:the|this)(?: \w+){1,3})?|(?:correct|right) (?:option|choice)|答案)"
    r"\**\s*(?:is|are|(?:would|should|must) be|[:=：是为])|故选"
    # A heading, or the first word of a reply: only with the text's last line behind it.
    r"|(?:(?:#+|\*\*)[ \t]*(?:final )?answer[ \t]*\**[ \t]*\n|答(?=[:：]))"
    r"(?=[\s:：]*[^\n]{1,80}\s*\Z))"
)
SAID = re.compile(
    # "Answer: the final answer is" says it once.
    rf"{_SAYS}(?![\s:*]*(?:the\s+)?(?:final\s+)?{_SAYS})[\s:：*]*([^\n]+?)(?:\.\s|。|\.?$|\n)",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:(?=\{)|(-?[\w.]*\w))")


class Box(NamedTuple):
    """Its first character, the one after its last, and what it holds."""

    start: int
    end: int
    content: str


def answer_start(text: str) -> int | None:
    """Where the final answer of a solution begins, with the blanks before it; None without a mark.

    Behind the last think block; else at the last `####` or boxed answer, else at "the answer is".
    Of a think block that broke off nothing is an answer.
    """
    if "<think>" in text.rpartition("</think>")[2]:
        return None
    if (thought := text.rfind("</think>")) >= 0:
        return thought + len("</think>")
    marks = [found.start() for found in HASHES.finditer(text)] + [b.start for b in boxes(text)]
    marks = marks or [found.start() for found in SAID.finditer(text)]
    return len(text[: max(marks)].rstrip()) if marks else None


def boxes(text: str) -> Iterator[Box]:
    """Every complete `\\boxed{...}`, braces balanced, or `\\boxed 4`."""
    closing = _closing_braces(text)
    for found in _BOX.finditer(text):
        end = found.end()
        if found[1]:
            yield Box(found.start(), end, found[1])
        elif end in closing:
            yield Box(found.start(), closing[end] + 1, text[end + 1 : closing[end]].strip())


def _closing_braces(text: str) -> dict[int, int]:
    """The place of each `{` that is closed, and of the `}` that closes it."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in re.finditer(r"[{}]", text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            closing[opened.pop()] = brace.start()
    return closing
