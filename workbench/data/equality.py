"""Do two written answers agree? As text, as quantities, else as mathematics (math-verify).

same_answer("3 1/2 hours", "3.5")       # True
same_answer("18 cm", "18 m")            # False
"""

from __future__ import annotations

import importlib.util
import re
from typing import NamedTuple

from workbench.data.layout import NUMBER_WORDS, laid_bare
from workbench.data.mathematics import same_mathematics
from workbench.data.notations import rewritten
from workbench.data.quantities import PERCENT, UNITS, Quantity, quantity, same_unit, unit_of

# Some of the rules of layout take the square of the length.
LONGEST_LAID_BARE = 1000
LONGEST_READ = 400
# What is sure to take long is not even tried.
_SLOW = re.compile(
    r"\\(?:int|sum|prod|lim)|\d{16}|\\binom.*\d{5}|\^\{?\d{5}|\^\s*\{?\s*\d+\s*\^"
    r"|\d{5}\s*!|!\s*!|[({][^A-Za-z]*[)}]\s*!"
)
_BASE = re.compile(r"([-\w.]*\d[\w.]*)_\s*\{?\s*(\d+|[a-z]+)\s*\}?")
_MODULUS = re.compile(r"(.*\S)\s*\(?\s*(?:\\[pb]?mod|\bmod)\s*\{?\s*(\d+)\s*\}?\s*\)?")
_UNIT_BEHIND = re.compile(
    r"(.*[\d}a-z)])\s*\\(?:text|mathrm)\{\s*([^{}]*)\}(\^\{?\d\}?)?", re.DOTALL
)
_PLAIN_UNIT_BEHIND = re.compile(
    r"(?!.*\\(?:sin|cos|tan|cot))(.*[\d})])\s*?(?:\s([A-Za-z][^\\(){}\]]*)|([一-鿿]+))", re.DOTALL
)
# No product of variables: math-verify would take `silent` for `listen`.
_SPOKEN = re.compile(
    r"(?<![\\A-Za-z])(?!(?:[bpvBV]?matrix|array|cases|sqrt|infinity|arc[a-z]+|(?:sin|cos|tan)h)\b)"
    r"(?:[A-Za-z]{4,}|[A-Z]{3,})"
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
    return found.text == right.text or _same_mathematics(
        rewritten(found.text), rewritten(right.text)
    )


def _expression(text: str) -> _Expression:
    bare = laid_bare(text)
    if based := _BASE.fullmatch(bare):
        return _Expression(based[1], "", NUMBER_WORDS.get(based[2], based[2]))
    if modulus := _MODULUS.fullmatch(bare):
        return _Expression(modulus[1], "", f"mod {modulus[2]}")
    return _with_unit(text, bare) or _Expression(bare, "", "")


def _with_unit(text: str, bare: str) -> _Expression | None:
    """An expression with the unit in `\\text{}` behind it, or in words that are no variables."""
    if behind := _UNIT_BEHIND.fullmatch(text.strip(" $.")):
        unit = unit_of(behind[2].strip() + (behind[3] or ""))
        if unit:
            return _Expression(laid_bare(behind[1]), unit, "")
    if behind := _PLAIN_UNIT_BEHIND.fullmatch(bare):
        words = behind[2] or behind[3]
        first = words.split()[0].lower()
        unit = unit_of(words) if len(first) > 2 or first in UNITS else None
        if unit:
            return _Expression(behind[1], unit, "")
    return None


def _compact(text: str) -> str:
    """Without layout and spaces, those between two digits excepted; words in small letters."""
    bare = re.sub(r"(?<!\d)\s|\s(?!\d)", "", laid_bare(text))
    return bare.lower() if _WORDS.fullmatch(bare) else bare


def _same_mathematics(found: str, right: str) -> bool:
    texts = (found, right)
    if checker() == "text" or any(len(t) > LONGEST_READ or _SLOW.search(t) for t in texts):
        return False
    spoken = [{word.lower() for word in _SPOKEN.findall(t)} for t in texts]
    return spoken[0] == spoken[1] and same_mathematics(found, right)
