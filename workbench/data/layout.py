r"""What is layout in a written answer, as one table of rules, each with a pair that needs it.

laid_bare(r"\[\mathbf{18}\]")      # "18"
[rule.name for rule in RULES]
"""

from __future__ import annotations

import re
from typing import NamedTuple

NUMBER_WORDS: dict[str, str] = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve".split(),
        map(str, range(13)),
        strict=True,
    )
)
_MONEY = r"\\?\$|€|£|¥|₹|USD|EUR|GBP"


class Rule(NamedTuple):
    """One rewriting of an answer, and a pair that is the same answer because of it."""

    name: str
    pattern: str
    replacement: str
    found: str
    right: str


RULES = (
    Rule("display marks", r"(?<!\\)\\[\[\]()]|\$\$|^\$(?=.*\$$)|(?<=.)\$$", " ", r"\[18\]", "18"),
    Rule("emphasis", r"\*\*|__|`|^\s*\*(?=.*\*\s*$)|\*\s*$", "", "**18**", "18"),
    Rule("sizes of brackets", r"\\(?:left|right|big|Big)(?![a-z])", "", r"\left(1\right)", "(1)"),
    Rule(
        "words behind a number",
        r"(?<=[\d}])(?=\\(?:text|textrm|mathrm)\s*\{)",
        " ",
        r"\frac{1}{2}\text{cm}",
        "0.5 cm",
    ),
    Rule(
        "fonts",
        r"\\(?:text|textbf|textit|textrm|mathrm|mathbf)\s*\{([^{}]*)\}",
        r"\1",
        r"\mathbf{18}",
        "18",
    ),
    Rule("minus sign", "[−–]", "-", "−18", "-18"),
    Rule("negative space", r"\\!", "", r"1,\!800", "1800"),
    Rule(
        "digits in threes",
        r"(?<=\d)(?:\\[,;: ]|\{,\}|~|[ \u00a0\u2009\u202f])(?=\d{3}(?!\d))",
        "",
        r"1\,800",
        "1800",
    ),
    Rule("other space", r"(?<!\\)\\[,;: ]|~|[\u00a0\u2009\u202f]", " ", r"3\,\frac{1}{2}", "3.5"),
    Rule("degrees", r"\^\s*\{?\s*\\circ\s*\}?|°", " degree", r"90^\circ", "90 degrees"),
    Rule("per cent", r"\s*(?:\\?%|\bper ?cent\b)", " %", "18 per cent", r"18\%"),
    Rule(
        "currency",
        rf"^\s*([-+]?)\s*({_MONEY})\s*(?=[\d.])(.*)$",
        r"\1\3 \2",
        "€18",
        "18",
    ),
    Rule(
        "powers of ten",
        r"(?<=\d)\s*(?:\\times|\\cdot|[x×*·])\s*10\s*\^\s*\{?\s*(-?\d+)\s*\}?",
        r"e\1",
        r"1.8 \times 10^3",
        "1800",
    ),
    # A coefficient stays what it is: 1/2x would be read as 1/(2x).
    Rule(
        "fractions",
        r"(?<![\^_/{])\\[dt]?frac\s*\{?(-?\d+)\}?\s*\{?(\d+)\}?"
        r"(?=\s*(?:$|[^\s\w\\({}^!])|\s+[A-Za-z]{2})",
        r" \1/\2",
        r"\frac{9}{5}",
        "1.8",
    ),
    Rule("a remark", r"(?<=\d)\s+\([A-Za-z][^()]*\)\s*$", "", "18 (eighteen)", "18"),
    Rule("dots of letters", r"(?<=\b[A-Za-z])\.", "", "6 p.m.", "6 pm"),
    Rule("an option", r"^\s*[Oo]ption\s+(?=\(?[A-Z]\b)", "", "Option B", "B"),
    Rule(
        "a choice",
        r"^\s*\(?([A-Z])\)(?:\s+[\w$.].*)?$|^\s*\(([a-z])\)\s*$",
        r"\1\2",
        "(B) 18",
        "B",
    ),
)
_RULES = [(re.compile(rule.pattern, re.DOTALL), rule.replacement) for rule in RULES]


def laid_bare(text: str) -> str:
    """`text` without layout, one space between its words: every rule of the table in order."""
    text = " ".join(text.split())
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = " ".join(text.split()).rstrip(".")
    first, space, rest = text.partition(" ")
    return NUMBER_WORDS.get(first.lower(), first) + space + rest
