"""Where each turn of a conversation stands in the text that a chat template made of it.

    text = "<|user|>1 + 1?"
    (question,) = places(lambda contents: f"<|user|>{contents[0]}", ["1 + 1?"], text)
    text[question.start : question.end]

The template is filled a second time with marks in place of the contents: looking for a content
itself would find an answer "a" inside `<|assistant|>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from workbench.models.thinking import CLOSE, Half, halves

Fill = Callable[[list[str]], str]
MARK = "\ue000"
_TAG = re.compile("</?think>")
_TAGS = re.compile(r"(?:</?think>\s*)+\Z")
# Tags that a template writes before a turn; from further on the search would be quadratic.
_BEFORE = 256
_CLOSED = re.compile(r"\s*</think>")


class Place(NamedTuple):
    """Part of a turn in the text, and how many of the turn's characters come before it."""

    turn: int
    start: int
    end: int
    skipped: int


class Piece(NamedTuple):
    """A half of a turn that has a think block, or the whole of one that has none."""

    turn: int
    text: str
    start: int


def places(fill: Fill, contents: list[str], text: str) -> list[Place] | None:
    """The place of each content in `text`, in their order; None if the marks do not tell.

    A turn with a think block has several, side by side. Of turns gone by the template may have
    dropped the reasoning; of the last it must not.
    """
    markup = fill([MARK] * len(contents)).split(MARK)
    return _whole(markup, contents, text) or _in_halves(fill, contents, text)


def _whole(markup: Sequence[str], contents: Sequence[str], text: str) -> list[Place] | None:
    if len(markup) != len(contents) + 1:
        return None
    for clean in (str, str.strip):
        found, rebuilt = [], ""
        for turn, (before, content) in enumerate(zip(markup, contents, strict=False)):
            rebuilt += before
            cleaned = clean(content)
            end = len(rebuilt) + len(cleaned)
            found.append(Place(turn, len(rebuilt), end, content.find(cleaned)))
            rebuilt += cleaned
        if rebuilt + markup[-1] == text:
            return found
    return None


def _in_halves(fill: Fill, contents: list[str], text: str) -> list[Place] | None:
    """As `_whole`, with reasoning and answer marked each, as templates that read them need."""
    parted = [halves(content) for content in contents]
    if not any(parted):
        return None
    pieces = [
        Piece(turn, half.text, half.start)
        for turn, content in enumerate(contents)
        for half in (parted[turn] or (Half(content, 0),))
        if half.text.strip()
    ]
    found = _followed(pieces, fill(_marked(contents, pieces)), text)
    if found is None or not _is_enough(pieces, found, len(contents) - 1):
        return None
    by_turn = [[place for place in found if place.turn == turn] for turn in range(len(contents))]
    return [
        place
        for content, own in zip(contents, by_turn, strict=True)
        if own
        for place in (_side_by_side(content, own, text) if halves(content) else own)
    ]


def _marked(contents: Sequence[str], pieces: Sequence[Piece]) -> list[str]:
    marked = list(contents)
    for number, piece in reversed(list(enumerate(pieces))):
        content = marked[piece.turn]
        before, behind = content[: piece.start], content[piece.start + len(piece.text) :]
        marked[piece.turn] = f"{before}{MARK}{number}{MARK}{behind}"
    return marked


def _followed(pieces: Sequence[Piece], marked: str, text: str) -> list[Place] | None:
    """The places of the pieces that the template kept, if its words between them fit the text."""
    first, *rest = re.split(f"{MARK}(\\d+){MARK}", marked)
    if not text.startswith(first):
        return None
    found, cursor = [], len(first)
    for number, words in zip(map(int, rest[::2]), rest[1::2], strict=True):
        turn, content, start = pieces[number]
        said = next(
            (c for c in (content, content.strip()) if text.startswith(c + words, cursor)), ""
        )
        if not said:
            return None
        found.append(Place(turn, cursor, cursor + len(said), start + content.find(said)))
        cursor += len(said) + len(words)
    return found if cursor == len(text) else None


def _is_enough(pieces: Sequence[Piece], found: Sequence[Place], last: int) -> bool:
    """Whether each turn is there, and the last one whole."""
    turns = [place.turn for place in found]
    needed = [piece.turn for piece in pieces]
    return set(turns) == set(needed) and turns.count(last) == needed.count(last)


def _side_by_side(content: str, own: Sequence[Place], text: str) -> list[Place]:
    """The places of a turn's halves and tags; white space between two belongs to the first."""
    begins = {place.start: place.skipped for place in own}
    start, end = own[0].start, own[-1].end
    if own[-1].skipped < content.find(CLOSE) and (closed := _CLOSED.match(text, end)):
        end = closed.end()
    opened = _TAGS.search(text, max(0, start - _BEFORE), start)
    for tag in _TAG.finditer(text, opened.start() if opened else start, end):
        is_inside = any(place.start <= tag.start() < place.end for place in own)
        if tag[0] in content and not is_inside:
            begins[tag.start()] = content.find(tag[0])
    starts = sorted(begins)
    return [
        Place(own[0].turn, start, stop, begins[start])
        for start, stop in zip(starts, [*starts[1:], end], strict=True)
    ]
