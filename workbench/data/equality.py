"""Do two written answers agree? As text, as quantities, else as mathematics (math-verify).

The package math-verify (extra `eval`) compares what is no plain number where it is installed. Its
time limits use signals, which only a main thread may; they are off, and what could run for long
(towers of powers, sums, integrals) is compared as text alone.

    same_answer("3 1/2 hours", "3.5")       # True
    same_answer("18 cm", "18 m")            # False
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from workbench.data.layout import NUMBER_WORDS, laid_bare
from workbench.data.quantities import LONGEST, PERCENT, Quantity, quantity, same_unit, unit_of

# Some of the rules of layout take the square of the length.
LONGEST_LAID_BARE = 1000
_SLOW = re.compile(
    r"\\(?:int|sum|prod|lim)|\d{3,}\s*!|[)}\]!]\s*!|\\binom.*\d{3}|\^.*\^|\^\{?\d{3}|\d{16}"
)
_BASE = re.compile(r"([-\w.]*\d[\w.]*)_\s*\{?\s*(\d+|[a-z]+)\s*\}?")
_UNIT_BEHIND = re.compile(
    r"(.*[\d}a-z)])\s*\\(?:text|mathrm)\{\s*([^{}]*)\}(\^\{?\d\}?)?", re.DOTALL
)
_WORDS = re.compile(r"[^\\]*[A-Za-z]{2}[^\\]*")


class _Expression(NamedTuple):
    """An answer in its parts: what is compared as mathematics, its unit, its base."""

    text: str
    unit: str
    base: str


def same_answer(found: str, right: str) -> bool:
    """Whether two answers agree, by the conventions of docs/answers.md.

    Equal as text without layout, as numbers in units that may be the same, or as mathematics.
    """
    if max(len(found), len(right)) > LONGEST_LAID_BARE:
        return found.strip() == right.strip()
    texts = _compact(found), _compact(right)
    if texts[0] == texts[1]:
        return bool(texts[1])
    one, other = quantity(found), quantity(right)
    if one is not None and other is not None:
        return _same_quantity(one, other)
    return _same_expression(_expression(found), _expression(right))


def checker() -> str:
    """What compares answers that are no plain numbers: `math-verify`, or `text` without it."""
    return "math-verify" if importlib.util.find_spec("math_verify") else "text"


def _same_quantity(found: Quantity, right: Quantity) -> bool:
    """Numbers that are equal in units that agree; 25 % is 25 and is 0.25."""
    if not same_unit(found.unit, right.unit):
        return False
    if found.value == right.value or found.unit == right.unit:
        return found.value == right.value
    shares = [q.value / 100 if q.unit == PERCENT else q.value for q in (found, right)]
    return shares[0] == shares[1]


def _same_expression(found: _Expression, right: _Expression) -> bool:
    if not same_unit(found.unit, right.unit) or found.base != right.base != "" != found.base:
        return False
    return found.text == right.text or _same_mathematics(found.text, right.text)


def _expression(text: str) -> _Expression:
    if based := _BASE.fullmatch(laid_bare(text)):
        return _Expression(based[1], "", NUMBER_WORDS.get(based[2], based[2]))
    if behind := _UNIT_BEHIND.fullmatch(text.strip(" $.")):
        unit = unit_of(behind[2].strip() + (behind[3] or ""))
        if unit:
            return _Expression(behind[1], unit, "")
    return _Expression(laid_bare(text), "", "")


def _compact(text: str) -> str:
    """Without layout and spaces, those between two digits excepted; words in small letters."""
    bare = re.sub(r"(?<!\d)\s|\s(?!\d)", "", laid_bare(text))
    return bare.lower() if _WORDS.fullmatch(bare) else bare


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
