r"""Text of a dataset as Streamlit markdown that shows it and does nothing else.

Every sign that markdown, HTML or Streamlit would act on is escaped; mathematics between dollars,
`\( \)` or `\[ \]` is handed to KaTeX, unless it holds a command that links or loads something.

st.markdown(as_markdown(sample.prompt))
"""

from __future__ import annotations

import re
from functools import partial

MATHS = re.compile(
    r"""
      \$\$(?P<block>[^$]+?)\$\$
    | \\\[(?P<bracket>.+?)\\\]
    | \\\((?P<paren>.+?)\\\)
    # As in Pandoc, or prices would turn into formulas: no space inside, no digit behind.
    | (?<![\\$])\$(?P<inline>(?![\s$])[^$\n]*?(?<![\s\\]))\$(?!\d)
    """,
    re.VERBOSE | re.DOTALL,
)
# Commands of KaTeX that make links, load files, or set attributes.
ACTIVE = re.compile(r"\\(href|url|includegraphics|html[A-Za-z]*|def|gdef|xdef|edef|let|newcommand)")
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit and GitHub markdown look for these in text that has already been unescaped.
LIVE = re.compile(r"(https?|ftp|mailto|www)(?=\\?[:.])|(?<=:)(?=[A-Za-z0-9_+/-]+\\?:)|(?=@)", re.I)
JOINER = "\u2060"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def as_markdown(text: str, *, maths: bool = True, found: str = "") -> str:
    """`text` with its mathematics, and everything else as it is written.

    Words `found` by a search stand out, in either case of letters; within a formula they do not.
    """
    text = CONTROL.sub("", text.replace("\r\n", "\n"))
    if not maths:
        return escaped(text)
    escape = partial(marked_text, found=found) if found.strip() else escaped
    parts, place = [], 0
    for match in MATHS.finditer(text):
        formula = next(part for part in match.groups() if part is not None)
        if ACTIVE.search(formula) or not _is_balanced(formula):
            continue
        is_block = match["block"] is not None or match["bracket"] is not None
        parts += [escape(text[place : match.start()], is_start=not parts)]
        parts += [_formula(formula, is_block=is_block)]
        place = match.end()
    return "".join([*parts, escape(text[place:], is_start=not parts)])


def marked_text(text: str, *, found: str, is_start: bool = True) -> str:
    """Escaped text in which the words `found` have a background."""
    parts = re.split(f"({re.escape(found)})", text, flags=re.IGNORECASE)
    shown = []
    for number, part in enumerate(parts):
        text = escaped(part, is_start=is_start and not number)
        shown.append(f":orange-background[{text}]" if number % 2 and part.strip() else text)
    return "".join(shown)


def around(text: str, found: str, size: int) -> str:
    """About `size` letters of a text: its beginning, or those around the words `found`."""
    place = text.lower().find(found.lower()) if found else -1
    start = max(0, place - size // 3)
    return text[:size] if place < 0 or not start else f"… {text[start : start + size]}"


def literal(text: object) -> str:
    """Anything that comes from a file, as markdown that shows it letter by letter."""
    return as_markdown(str(text), maths=False)


def _formula(formula: str, *, is_block: bool) -> str:
    """Between dollars, on one line, since an empty line would end a formula in markdown."""
    line = re.sub(r"\s+", " ", formula).strip().replace("$", "")
    # Below the formula level nothing is escaped, so that KaTeX gets what the author wrote.
    return f"\n\n$$\n{line}\n$$\n\n" if is_block else f"${line}$"


def _is_balanced(formula: str) -> bool:
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", formula):
        depth += 1 if sign == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def escaped(text: str, *, is_start: bool = True) -> str:
    """Plain text: no markup of any kind, line ends and leading spaces kept.

    `is_start` says whether the text begins a line.
    """
    text = LIVE.sub(lambda found: found.group(0) + JOINER, text)
    lines = []
    for number, line in enumerate(text.split("\n")):
        bare = line.lstrip(" \t") if number or is_start else line
        indent = "\u00a0" * (len(line) - len(bare))
        lines.append(indent + PUNCTUATION.sub(r"\\\1", bare))
    # Two spaces at a line's end are a line break in markdown; an empty line stays a paragraph.
    return "  \n".join(lines)
