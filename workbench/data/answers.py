"""Is the final answer of a text right? GSM8K's `####`, `\\boxed{}`, or a short `answer` column.

Numbers are compared here; other answers by the package math-verify where it is installed (extra
`eval`), as text otherwise. Its time limits use signals, which only a main thread may; they are off,
and what could run for long (towers of powers, sums, integrals) is compared as text alone.

    reference = reference_answer(sample)
    reference is not None and is_right(decoded_text, reference)
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from workbench.types import Sample

LONGEST = 120
_HASHES = re.compile(r"####[ \t]*([^\n]+)")
_SAID = re.compile(r"answer\s*(?:is|:|=)[\s:*]*([^\n]+?)(?:\.\s|\.?$|\n)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{?(-?\d+)\}?\{?(\d+)\}?")
_PLAIN = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:/\d+)?")
_MIXED = re.compile(r"(-?)(\d+)(?:\\[dt]?frac\{?(\d+)\}?\{?(\d+)\}?|\s+(\d+)/(\d+))")
_NOISE = re.compile(r"\\left|\\right|\\!|\\,|\\;|\\ |\\\$|\$|\s|\\%|%|\^\{?\\circ\}?")
# Behind a number a word is a unit; anywhere else it is the answer, or part of it.
_UNIT = re.compile(r"(?<=[\d}])\s*\\(?:text|mathrm)\{[^{}]*\}(?:\^\{?\d\}?)?$")
_WORDS = re.compile(r"\\(?:text|textbf|mathrm)\{([^{}]*)\}")
_UNIT_WORD = re.compile(r"(?<=\d)\s+[A-Za-z]{3,}(?:\s[A-Za-z]+)*$")
_SLOW = re.compile(r"\\(?:int|sum|prod|lim|binom)|!|\^.*\^|\^\{?\d{3}|\d{16}")


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
    column = sample.row.get("answer") if sample.answer is None else sample.answer
    if isinstance(column, int | float) and not isinstance(column, bool):
        column = f"{column:g}" if isinstance(column, float) else str(column)
    if isinstance(column, str) and column.strip():
        in_column = marked_answer(column)
        if in_column is not None:
            return Reference(in_column, marked=True)
        if "\n" not in column.strip() and len(column) <= LONGEST:
            return Reference(column.strip(), marked=in_solution is not None)
    if in_solution is not None:
        return Reference(in_solution, marked=True)
    alone = sample.completion.strip()
    return Reference(alone, marked=False) if as_number(alone) is not None else None


def is_right(text: str, reference: Reference) -> bool:
    """Whether the final answer of `text` is the reference's.

    Where the reference solution marks its answer, the text has to mark one too (`####`, boxed,
    "the answer is"): the last number of a text that broke off is no answer. Otherwise the last
    number counts, or the whole text.
    """
    found = marked_answer(text)
    if found is None and not reference.marked:
        numbers = _NUMBER.findall(text)
        found = numbers[-1] if numbers and as_number(reference.answer) is not None else text
    return found is not None and same_answer(found, reference.answer)


def marked_answer(text: str) -> str | None:
    """The last answer that `text` marks as final: boxed, after `####`, or "the answer is"."""
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed
    for pattern in (_HASHES, _SAID):
        found = pattern.findall(text)
        if found:
            return found[-1].strip(" *")
    return None


def same_answer(found: str, right: str) -> bool:
    """Equal as text without layout, as numbers, or as mathematics (math-verify)."""
    if _bare(right) and _bare(found) == _bare(right):
        return True
    numbers = as_number(found), as_number(right)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return _same_mathematics(found, right)


def as_number(text: str) -> Fraction | None:
    """The number that `text` is, layout, thousands separators, units and per cent signs aside."""
    if mixed := _MIXED.fullmatch(_UNIT.sub("", text.strip(" $."))):
        sign, whole, *parts = mixed.groups()
        top, bottom = (int(part) for part in parts if part is not None)
        if not bottom:
            return None
        return (-1 if sign else 1) * (int(whole) + Fraction(top, bottom))
    bare = _FRACTION.sub(r"\1\2/\3", _bare(_UNIT_WORD.sub("", text.strip().rstrip("."))))
    bare = bare.rstrip(".")
    bare = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", bare)
    if len(bare) > LONGEST or not _PLAIN.fullmatch(bare):
        return None
    top, _, bottom = bare.partition("/")
    if bottom and not int(bottom):
        return None
    return Fraction(top) / (int(bottom) if bottom else 1)


def checker() -> str:
    """What compares answers that are no plain numbers: `math-verify`, or `text` without it."""
    return "math-verify" if importlib.util.find_spec("math_verify") else "text"


def _bare(text: str) -> str:
    text = _UNIT.sub("", text.strip().rstrip(".").strip("$ "))
    return _NOISE.sub("", _WORDS.sub(r"\1", text))


def _last_boxed(text: str) -> str | None:
    """The content of the last complete `\\boxed{...}`, braces balanced."""
    start = text.rfind("\\boxed{")
    while start >= 0:
        depth, begin = 0, start + len("\\boxed")
        for place in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                return text[begin + 1 : place].strip()
        start = text.rfind("\\boxed{", 0, start)
    return None


def _same_mathematics(found: str, right: str) -> bool:
    texts = (found, right)
    if checker() == "text" or any(len(t) > LONGEST or _SLOW.search(t) for t in texts):
        return False
    from math_verify import parse, verify

    with _quiet():
        read = [parse(f"${t.strip('$')}$", parsing_timeout=None) for t in texts]  # type: ignore
        return all(read) and verify(read[1], read[0], timeout_seconds=None)


@contextmanager
def _quiet() -> Iterator[None]:
    """math-verify warns on every call that its time limits are off."""
    loggers = [logging.getLogger(f"math_verify.{part}") for part in ("parser", "grader")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
