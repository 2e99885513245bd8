"""Labels of difficulty as numbers, whatever a file type makes of them.

label_number("Level 3"), label_number("3"), label_number("hard")     # 3.0, 3.0, 3.0
"""

from __future__ import annotations

import math
import re
from typing import Any

LABELS = ("n_steps", "level", "difficulty", "grade", "reasoning_step", "n_distractors", "loss")
"""Columns taken as labels of difficulty where they hold numbers, or words that have an order."""

ORDER = (
    ("trivial", "very easy", "beginner"),
    ("easy", "simple", "elementary"),
    ("medium", "moderate", "intermediate", "normal"),
    ("hard", "difficult", "advanced"),
    ("very hard", "expert", "extreme", "challenging"),
)
"""Words for difficulty, the least first; those of a line mean the same."""

WORDS = {word: float(place) for place, words in enumerate(ORDER) for word in words}
# A number alone, or behind a word that names the label: "Level 3", "grade-5".
NUMBER = re.compile(r"(?:[A-Za-z]+[ _:-]*)?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


def label_number(value: Any) -> float | None:
    """The label as a finite number; None where it is neither a number nor a word with an order."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        found = NUMBER.fullmatch(text)
        if not found:
            return WORDS.get(text)
        value = found.group(1)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def label_text(value: Any) -> str:
    """The label as text: 3, 3.0 and a decimal of them are the same."""
    if isinstance(value, str):
        return value
    number = label_number(value)
    return str(value) if number is None or number % 1 else str(int(number))
