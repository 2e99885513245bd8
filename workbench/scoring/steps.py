"""Reasoning steps of a solution as character spans, and which step each token belongs to.

    spans, step = steps_of(completion, chars)

Rules: docs/methods.md, AIR (ours; arXiv 2512.13279 does not publish its own). Blocks set apart by
blank lines, else lines, else sentences; nothing is cut inside code or a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

MIN_STEP_TOKENS = 4

Span = tuple[int, int]

# What opens a region that is never cut, and what closes it. A code fence begins a line, or ends one
# but for the name of a language; one on a line of its own closes it, an unclosed one runs to the
# end. Any other unclosed mark opens nothing. TeX marks do not count behind an odd number of
# backslashes.
OPENING = re.compile(
    r"(?m:^)[^\S\n]*(?P<fence>```+(?=[^`\n]*(?:\n|\Z))|~~~+)"
    r"|(?<=[\s:])(?P<late>```+|~~~+)[\w+#.-]*[^\S\n]*(?=\n|\Z)|(?P<asy>\[asy\])"
    r"|(?<!\\)(?:\\\\)*(?:\\begin\{(?P<name>[^{}\n]+)\}"
    r"|(?P<display>\\\[|\$\$)|(?P<inline>\\\(|\$(?=[^\n])))"
)
# Formulas within a paragraph. A dollar sign closes one if no space comes before it and no digit
# after it: prices do not. One opened before a space needs a space before its end, and mathematics.
INLINE_END = {"$": re.compile(r"(?<![\s\\])\$(?!\d)"), r"\(": re.compile(r"(?<!\\)\\\)")}
PADDED_END = re.compile(r"(?<=\s)\$(?!\d)")
MATHEMATICS = re.compile(r"[=\\^_<>+]")
DISPLAY_END = {r"\[": re.compile(r"(?<!\\)\\\]"), "$$": re.compile(r"(?<!\\)\$\$")}

# Where a step may begin: after the break between lines, before the space between sentences.
BLANK_LINE = re.compile(r"\n[^\S\n]*\n(?:[^\S\n]*\n)*")
LINE = re.compile(r"\n")
SENTENCE = re.compile(r"[.!?][\"')\]}$]*(?=\s+[^\sa-z])|[。！？][」』”’]*(?=\S)")
NO_SENTENCE = re.compile(r"\s*\(?\d{1,3}[.)]|.*\b(?:Mrs?|Ms|Dr|St|vs|Eqs?|Figs?)\.", re.DOTALL)


def steps_of(
    text: str, chars: Int64[np.ndarray, "token 2"]
) -> tuple[list[Span], Int64[np.ndarray, " token"]]:
    """Spans that cover the text, and the step of each token."""
    spans = split_steps(text)
    spans = join_short(spans, step_of_token(chars, spans))
    return spans, step_of_token(chars, spans)


def split_steps(text: str) -> list[Span]:
    """Start and end of each step; together they cover `text` without gap. Empty for blank text."""
    if not text.strip():
        return []
    kept_whole = list(protected(text))
    for separator in (BLANK_LINE, LINE, SENTENCE):
        cuts = _cuts(text, separator, kept_whole)
        if cuts:
            return list(zip([0, *cuts], [*cuts, len(text)], strict=True))
    return [(0, len(text))]


def protected(text: str) -> Iterator[Span]:
    """Code blocks, displayed formulas and environments; also formulas within a line."""
    place = 0
    while opening := OPENING.search(text, place):
        end = _closing(text, opening)
        if end is not None:
            yield opening.start(), end
        place = end if end is not None else opening.end()


def _closing(text: str, opening: re.Match[str]) -> int | None:
    """End of the region that `opening` opens, or None if it opens none."""
    after = opening.end()
    if fence := opening["fence"] or opening["late"]:
        closing = rf"^[^\S\n]*{re.escape(fence)}{fence[0]}*[^\S\n]*$"
        found = re.compile(closing, re.MULTILINE).search(text, after)
        return found.end() if found else len(text)
    if opening["asy"]:
        end = text.find("[/asy]", after)
        return None if end < 0 else end + len("[/asy]")
    if opening["name"]:
        return _environment_end(text, opening["name"], after)
    if opening["display"]:
        found = DISPLAY_END[opening["display"]].search(text, after)
        return found.end() if found else None
    return _inline_end(text, opening["inline"], after)


def _inline_end(text: str, mark: str, after: int) -> int | None:
    """End of the formula within a paragraph that `mark` opens; an amount stays on its line."""
    first, line_end = text[after : after + 1], text.find("\n", after)
    blank = BLANK_LINE.search(text, after)
    end = blank.start() if blank else len(text)
    if mark == "$" and (first.isdigit() or first.isspace()) and line_end >= 0:
        end = min(end, line_end)
    if mark == "$" and first.isspace():
        found = PADDED_END.search(text, after + 1, end)
        is_formula = found and MATHEMATICS.search(text, after, found.start())
        return found.end() if found and is_formula else None
    found = INLINE_END[mark].search(text, after, end)
    return found.end() if found else None


def _environment_end(text: str, name: str, after: int) -> int | None:
    """End of the `\\end{name}` that closes a `\\begin{name}`; environments may hold their like."""
    depth = 1
    for mark in re.finditer(rf"\\(begin|end)\{{{re.escape(name)}\}}", text[after:]):
        depth += 1 if mark[1] == "begin" else -1
        if depth == 0:
            return after + mark.end()
    return None


def _cuts(text: str, separator: re.Pattern[str], kept_whole: list[Span]) -> list[int]:
    """Where steps begin: neither inside a protected region nor so that a step would be blank."""
    cuts: list[int] = []
    for found in separator.finditer(text):
        cut, last = found.end(), cuts[-1] if cuts else 0
        inside = any(start < cut < end for start, end in kept_whole)
        is_part = separator is SENTENCE and NO_SENTENCE.fullmatch(text[last:cut])
        if inside or is_part or not text[last:cut].strip() or not text[cut:].strip():
            continue
        cuts.append(cut)
    return cuts


def step_of_token(
    chars: Int64[np.ndarray, "token 2"], spans: list[Span]
) -> Int64[np.ndarray, " token"]:
    """The step that holds the first character of each token; `spans` cover the text."""
    starts = np.array([start for start, _ in spans])
    return np.searchsorted(starts, chars[:, 0], side="right") - 1


def join_short(spans: list[Span], step: Int64[np.ndarray, " token"]) -> list[Span]:
    """The steps after each with fewer than 4 tokens has joined the one before it.

    The first joins the one after it. `step` is the step of each token.
    """
    n_tokens = np.bincount(step, minlength=len(spans)).tolist()
    joined: list[Span] = []
    sizes: list[int] = []
    for span, size in zip(spans, n_tokens, strict=True):
        if joined and min(size, sizes[-1]) < MIN_STEP_TOKENS:
            joined[-1], sizes[-1] = (joined[-1][0], span[1]), sizes[-1] + size
        else:
            joined.append(span)
            sizes.append(size)
    return joined
