r"""Notations that math-verify reads otherwise or not at all, as one table of rules with pairs.

rewritten("2.5i")             # "2.5I"
rewritten(r"\sin 30 degree")  # r"\sin{(\frac{30\pi}{180})}"
"""

from __future__ import annotations

import re

from workbench.data.layout import Rule

_TRIGONOMETRIC = r"\\(sin|cos|tan|cot|sec|csc)(\^\{?-?\d\}?)?"

_SIGN = r"[<>≤≥]|\\[lg]e(?:q|qslant)?(?![a-z])"


def _union(found: re.Match[str]) -> str:
    """`x<1 or x>2` as `(-\\infty,1)\\cup(2,\\infty)`."""
    return rf"{_half_line(found[2], found[3])}\cup{_half_line(found[4], found[5])}"


def _half_line(sign: str, end: str) -> str:
    if sign in "<≤" or sign.startswith(r"\le"):
        return rf"(-\infty,{end}{')' if sign == '<' else ']'}"
    return rf"{'(' if sign == '>' else '['}{end},\infty)"


NOTATIONS = (
    # math-verify takes `i` for a variable, a real one or not by the letters around it.
    Rule(
        "imaginary unit",
        r"(?<![A-Za-z\\_])(?<!_\{)i(?![A-Za-z])",
        "I",
        "2.5i",
        r"\frac{5}{2}i",
    ),
    Rule(
        "degrees of an angle",
        _TRIGONOMETRIC + r"\s*[({]?\s*(\d+(?:\.\d+)?) degree\s*[)}]?",
        r"\\\1\2{(\\frac{\3\\pi}{180})}",
        r"\sin 30^\circ",
        r"\frac{1}{2}",
    ),
    Rule("other degrees", r" degree\b", "", r"(30^\circ, 60^\circ)", "(30, 60)"),
    Rule("logarithm to base ten", r"\\lg(?![a-z])", r"\\log_{10}", r"\lg 1000", "3"),
    Rule(
        "set of all numbers",
        r"^\\\{\s*[a-z]\s*(?:\\in\s*\\mathbb\s*\{?R\}?)?\s*(?:\\mid|[|:∣])(.*)\\\}$",
        r"\1",
        r"\{x \mid x>3\}",
        r"(3,\infty)",
    ),
    Rule(
        "either of two",
        rf"^([a-z])\s*({_SIGN})([^<>≤≥,]*?)(?:\bor\b|或)\s*\1\s*({_SIGN})([^<>≤≥,]*)$",
        _union,
        r"x\leq 1 \text{ or } x>2",
        r"(-\infty,1]\cup(2,\infty)",
    ),
    Rule("angle brackets", r"\\langle(.*)\\rangle", r"(\1)", r"\langle 1,2\rangle", "(1,2)"),
    Rule("roots", r"√\s*(?:\(([^()]*)\)|(\d+|[a-z]))", r"\\sqrt{\1\2}", "2√3", r"\sqrt{12}"),
    Rule("squares", "²", "^2", "(x+1)²", "x^2+2x+1"),
    Rule("cubes", "³", "^3", "2x³", "x^3+x^3"),
)
_NOTATIONS = [(re.compile(rule.pattern), rule.replacement) for rule in NOTATIONS]


def rewritten(bare: str) -> str:
    """An answer without layout, as math-verify reads it: every rule of the table in order."""
    for pattern, replacement in _NOTATIONS:
        bare = pattern.sub(replacement, bare)
    return bare.strip("$")
