r"""What is layout in a written answer, as one table of rules, each with a pair that needs it.

laid_bare(r"\[\mathbf{18}\]")      # "18"
[rule.name for rule in RULES]
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

_ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()
_TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_BELOW_HUNDRED = [
    *(*_ONES, *_TEENS),
    *(f"{ten}-{one}" if one != "zero" else ten for ten in _TENS for one in _ONES[:10]),
]
NUMBER_WORDS = {word: str(number) for number, word in enumerate(_BELOW_HUNDRED)}
_MONEY = r"\\?\$|€|£|¥|￥|₹|USD|EUR|GBP"


class Rule(NamedTuple):
    """One rewriting of an answer, and a pair that is the same answer because of it."""

    name: str
    pattern: str
    replacement: str | Callable[[re.Match[str]], str]
    found: str
    right: str


def _ascii(found: re.Match[str]) -> str:
    return chr(ord(found[0]) - 0xFEE0)


def _one_sign_fraction(found: re.Match[str]) -> str:
    value = Fraction(unicodedata.numeric(found[0])).limit_denominator(10)
    return f" {value.numerator}/{value.denominator}"


def _periodic(found: re.Match[str]) -> str:
    """A decimal whose last digits repeat for ever, as a fraction."""
    whole, before = found["whole"], found["before"]
    period = found["bar"] or found["round"] or found["thrice"] or ""
    period += (found["first"] or "") + (found["between"] or "") + (found["last"] or "")
    below = "9" * len(period) + "0" * len(before)
    return rf"\frac{{{int(whole + before + period) - int(whole + before)}}}{{{below}}}"


RULES = (
    Rule("full width", "[！-～]", _ascii, "（５，６）", "(5, 6)"),
    Rule(
        "tens in words",
        rf"(?i)^\s*({'|'.join(_TENS)})\s+(?=(?:{'|'.join(_ONES[1:10])})\b)",
        r"\1-",
        "twenty four",
        "24",
    ),
    Rule("display marks", r"(?<!\\)\\[\[\]()]|\$\$|^\$(?=.*\$$)|(?<=.)\$$", " ", r"\[18\]", "18"),
    Rule("emphasis", r"\*\*|__|`|^\s*\*(?=.*\*\s*$)|\*\s*$", "", "**18**", "18"),
    Rule(
        "sizes of brackets",
        r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-z])",
        "",
        r"\left(1\right)",
        "(1)",
    ),
    Rule(
        "words behind a number",
        r"(?<=[\d}])(?=\\(?:text|textrm|mathrm|mbox)\s*\{)",
        " ",
        r"\frac{1}{2}\text{cm}",
        "0.5 cm",
    ),
    Rule(
        "fonts",
        r"\\(?:text(?:bf|it|rm|sf)?|math(?:bf|it|rm)|boldsymbol|mbox|underline)\s*\{([^{}]*)\}",
        r"\1",
        r"\mathbf{18}",
        "18",
    ),
    Rule(
        "about",
        r"^\s*(?i:(?:about|approximately|approx\.?|roughly|around|exactly|a total of)\s+"
        r"|\\approx\s*|[≈约]\s*|大约\s*)(?=\S)",
        "",
        "about 18",
        "18",
    ),
    Rule(
        "a lead",
        r"(?i)^\s*(?:(?:the )?(?:final |correct )?answer is:?\s*|the\s+"
        r"|an?\s+(?!and\b)(?=[a-z]{3}))(?=\S)",
        "",
        "the 18th",
        "18",
    ),
    Rule(
        "a Chinese sentence",
        r"^(?!.*(?:至少|至多|超过|[大小多少]于|[不负]|零下))[一-鿿，]+(?=\d)|(?<=[一-鿿])。$",
        "",
        "一共需要18元。",
        "18元",
    ),
    Rule("quotes", r"""^\s*(["'“‘])(.*)["'”’]\s*$""", r"\2", "“even”", "even"),
    Rule("a label", r"^\s*[A-Za-z]{3}[A-Za-z ]*[=:]\s*(?=\S)", "", "Area = 18", "18"),
    Rule(
        "ordinals",
        r"(?<=\d)\s*\^?\s*\{?\s*(?:st|nd|rd|th)\b\s*\}?",
        "",
        r"3^{\text{rd}}",
        "3",
    ),
    Rule("minus sign", "[−–]", "-", "−18", "-18"),
    Rule("negative space", r"\\! ?", "", r"1,\!800", "1800"),
    Rule(
        "digits in threes",
        r"(?<=\d)(?:\\[,;: ]|\{,\}|~|[ \u00a0\u2009\u202f])(?=\d{3}(?!\d))",
        "",
        r"1\,800",
        "1800",
    ),
    Rule("other space", r"(?<!\\)\\[,;: ]|~|[\u00a0\u2009\u202f]", " ", r"3\,\frac{1}{2}", "3.5"),
    Rule("ratios", r"(?<=\d)\s+to\s+(?=\d)", ":", "1 to 8", "1:8"),
    Rule(
        "a period",
        r"(?P<whole>\d{1,12})\.(?P<before>\d{0,9}?)(?:\\(?:overline|bar)\s*\{?(?P<bar>\d{1,12})\}?"
        r"|\((?P<round>\d{1,12})\)|(?P<thrice>\d{1,6}?)(?P=thrice){2,}\s*(?:\.{3}|…|\\[cl]?dots)"
        r"|\\dot\s*\{?(?P<first>\d)\}?(?:(?P<between>\d{0,9})\\dot\s*\{?(?P<last>\d)\}?)?)",
        _periodic,
        r"0.1\overline{6}",
        "1/6",
    ),
    Rule("one-sign fractions", "[¼½¾⅓⅔⅕⅛]", _one_sign_fraction, "2½", "2.5"),
    Rule("degrees", r"\^\s*\{?\s*\\circ\s*\}?|°", " degree", r"90^\circ", "90 degrees"),
    Rule("per cent", r"\s*(?:\\?%|\bper ?cent\b)", " %", "18 per cent", r"18\%"),
    Rule("万 and 亿", r"(?<=\d)\s*([万亿])\s*", r" \1 ", "3万元", "30000"),
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
        r"(?<![\^_/{])\\[dt]?frac\s*(?:\{(-?\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))"
        r"(?=\s*(?:$|[^\s\w\\({}^!])|\s+[A-Za-z]{2})",
        r" \1\2/\3\4",
        r"\frac{9}{5}",
        "1.8",
    ),
    Rule(
        "empty set",
        r"(?i)^\s*(?:(?:there (?:is|are) )?no (?:real )?solutions?(?: exists?)?|empty set"
        r"|\\varnothing|∅|\\\{\s*\\\}|空集|无解)\s*\.?$",
        r"\\emptyset",
        r"\varnothing",
        r"\emptyset",
    ),
    Rule(
        "all reals",
        r"(?i)^\s*all real(?: number)?s\.?$|^ℝ$",
        r"\\mathbb{R}",
        "all reals",
        r"\mathbb{R}",
    ),
    Rule(
        "any integer",
        r",\s*(?:where\s+)?\(?\$?([kmn])\s*(?:\\in|∈)\s*(?:\\mathbb\s*\{?Z\}?|Z|ℤ)\$?\)?\s*$",
        "",
        r"k\pi, k \in \mathbb{Z}",
        r"k\pi",
    ),
    Rule("a remark", r"(?<=\d)\s+\([A-Za-z][^()]*\)\s*$", "", "18 (eighteen)", "18"),
    Rule(
        "an option",
        r"^\s*(?i:option|choice|answer)\s+(?=\(?[A-Z]\b)",
        "",
        "Option B",
        "B",
    ),
    Rule(
        "a choice",
        r"^\s*\(?([A-Z])\)(?:\s+(?!(?:or|and)\b)[\w$.].*)?$|^\s*\(([a-z])\)\s*$"
        r"|^\s*([A-H])[.:]\s+\S.*$",
        r"\1\2\3",
        "(B) 18",
        "B",
    ),
    Rule("dots of letters", r"(?<=\b[A-Za-z])\.", "", "6 p.m.", "6 pm"),
    Rule("full hours", r"(?<=\d):00(?=\s*(?i:[ap]m)\b)", "", "6:00 pm", "6 pm"),
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
