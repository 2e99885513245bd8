"""A written answer as a number and the unit it stands in.

quantity("3 1/2 hours")         # Quantity(Fraction(7, 2), "h")
quantity("$2.5 million").value  # 2500000
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from workbench.data.layout import laid_bare

LONGEST = 120
PERCENT = "%"


class Quantity(NamedTuple):
    """A number and its unit ("" where none is written)."""

    value: Fraction
    unit: str


SCALES = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "trillion": 1_000_000_000_000,
    "dozen": 12,
    "万": 10_000,
    "亿": 100_000_000,
}
# One line a unit, its short name first. A unit that is not here is its own words.
_UNIT_NAMES = """
    mm millimeter millimetre 毫米 | cm centimeter centimetre 厘米 | m meter metre 米
    km kilometer kilometre 千米 公里 | cm2 平方厘米 | m2 平方米 | cm3 立方厘米 | m3 立方米
    in inch inche | ft foot feet | yd yard | mi mile | mg milligram | g gram 克
    kg kilogram kilo 千克 公斤 | lb pound £ GBP | oz ounce | ml milliliter millilitre 毫升
    l liter litre 升 | gal gallon | s sec second 秒 | min minute 分钟 | h hr hour 小时 | day 天
    week | month | year yr 年 | degree deg 度 | dollar $ USD | cent ¢ | euro € EUR | yen ¥ JPY
    yuan RMB 元 ￥ | rupee ₹ INR | mi/h mph | km/h kmh kph | am | pm | % percent
"""
UNITS = {
    word.lower(): line.split()[0]
    for lines in _UNIT_NAMES.strip().splitlines()
    for line in lines.split("|")
    for word in line.split()
}

# How many of the second make one of the first, where both together are one quantity.
PARTS = {
    ("h", "min"): 60,
    ("min", "s"): 60,
    ("day", "h"): 24,
    ("week", "day"): 7,
    ("year", "month"): 12,
    ("ft", "in"): 12,
    ("lb", "oz"): 16,
    ("kg", "g"): 1000,
    ("m", "cm"): 100,
    ("dollar", "cent"): 100,
}

_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})")
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)\s*(?:(?P<whole>\d+)\s+(?=\d+/\d))?"
    r"(?P<top>(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d{1,3})?)(?:/(?P<bottom>\d+))?"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_PLAIN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_TWO = re.compile(r"(\d\S* [A-Za-z$]+)(?:,| and|, and)? (\d\S* [A-Za-z]+)")
# A word of two letters or a Chinese one, or a unit that is known; one letter behind digits is a
# variable.
_UNIT_PHRASE = re.compile(r"\s*(?:[A-Za-z]{2,}|[一-鿿]|[$€£¥₹¢%]|\\\$)\S*(?:\s+\S+)*")
_NO_UNIT = re.compile(r"\b(?:and|or|to|by|plus|minus|times|over)\b|[\d=<>+*\\({\[]")
_POWER = re.compile(r"\^\{?([23])\}?|[²³]")


def quantity(text: str) -> Quantity | None:
    """The number with its unit that `text` is and nothing more, else None."""
    bare = laid_bare(text) if len(text) <= LONGEST else ""
    return _in_parts(bare) or _alone(bare)


def _in_parts(bare: str) -> Quantity | None:
    """`2 hours and 30 minutes` as 2.5 hours."""
    both = _TWO.fullmatch(bare)
    whole, part = (_alone(both[1]), _alone(both[2])) if both else (None, None)
    if whole is None or part is None or (whole.unit, part.unit) not in PARTS:
        return None
    return Quantity(whole.value + part.value / PARTS[whole.unit, part.unit], whole.unit)


def _alone(bare: str) -> Quantity | None:
    found = _NUMBER.fullmatch(bare)
    value = _value(found) if found else None
    if found is None or value is None:
        return None
    words = found["rest"].split()
    while words and words[0].lower() in SCALES:
        value *= SCALES[words.pop(0).lower()]
    unit = unit_of(" ".join(words), spaced=found["rest"][:1].isspace())
    return None if unit is None else Quantity(value, unit)


def as_number(text: str) -> Fraction | None:
    """The number that `text` is, layout, separators and units aside; 50 for "50%"."""
    found = quantity(text)
    return found and found.value


def unit_of(words: str, *, spaced: bool = True) -> str | None:
    """One name of a unit ("" for no words), None where `words` are no unit.

    `spaced`: a space stood before them; without one a single letter is a variable (`12m`).
    """
    if not words:
        return ""
    powers = _POWER.sub(lambda power: {"²": "2", "³": "3"}.get(power[0], power[1]), words)
    parts = powers.rstrip("23").lower().split("/")
    known = all(part in UNITS for part in parts) and (spaced or len(words) > 1)
    if not known and (not _UNIT_PHRASE.fullmatch(words) or _NO_UNIT.search(powers.rstrip("23"))):
        return None
    return " ".join(_unit_words(powers.replace("\\", "").lower()))


def same_unit(one: str, other: str) -> bool:
    """Whether two units may name the same: one is missing, or holds the words of the other."""
    a, b = set(one.split()), set(other.split())
    return a <= b or b <= a


def _unit_words(words: str) -> list[str]:
    """`square meters per hour` as `m2/h`."""
    words = re.sub(r"\s*(?:/|\bper\b)\s*", " / ", words)
    named: list[str] = []
    power = ""
    for word in words.split():
        if word in ("square", "sq", "cubic"):
            power = "3" if word == "cubic" else "2"
            continue
        bare, own = (word[:-1], word[-1]) if word[-1] in "23" else (word, "")
        bare = bare.rstrip(".,")
        named.append(UNITS.get(bare, UNITS.get(_singular(bare), _singular(bare))) + (own or power))
        power = ""
    return " ".join(named).replace(" / ", "/").split()


def _singular(word: str) -> str:
    if len(word) <= 3:
        return word if word not in {f"{unit}s" for unit in UNITS} else word[:-1]
    return re.sub(r"(?<=[sxz])es$|(?<=[cs]h)es$|(?<!s)s$", "", re.sub(r"ies$", "y", word))


def _value(found: re.Match[str]) -> Fraction | None:
    digits = found["top"].rstrip(",.") if not found["rest"].strip() else found["top"]
    if _ENGLISH.fullmatch(digits):
        digits = digits.replace(",", "")
    elif _EUROPEAN.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    bottom = int(found["bottom"] or 1)
    if not bottom or not _PLAIN.fullmatch(digits):
        return None
    value = Fraction(digits) / bottom + int(found["whole"] or 0)
    return -value if found["sign"] == "-" else value
