"""What a score follows besides what it is for, in numbers and in words.

    for found in followed(summary): found.sentence

The words are those of the terminal, the page Samples and the card of an export.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

MARK = 0.3
"""A correlation beyond this is told."""


class Confound(NamedTuple):
    """What it is called, and what a high score then also means: where above 0, and below."""

    name: str
    more: str
    fewer: str


CONFOUNDS = {
    "length": Confound("length", "a longer text", "a shorter text"),
    "n_steps_found": Confound("steps", "more steps", "fewer steps"),
    "step_tokens": Confound("tokens a step", "longer steps", "shorter steps"),
    "digit_share": Confound("share of digits", "more digits", "fewer digits"),
}


class Followed(NamedTuple):
    """A confound by its column, and Spearman's correlation: raw, and with length held fixed."""

    column: str
    raw: float
    held: float | None

    @property
    def sentence(self) -> str:
        name, more, fewer = CONFOUNDS[self.column]
        held = "" if self.held is None else f" ({self.held:+.2f} with length held fixed)"
        means = more if self.raw > 0 else fewer
        return (
            f"Spearman correlation with {name} {self.raw:+.2f}{held}: a high score also means "
            f"{means}."
        )


def followed(summary: Mapping[str, Any]) -> list[Followed]:
    """The confounds that the score of a run follows: length, and others beyond their own length."""
    row = correlations_of(summary)
    return [
        Followed(column, row[column], row.get(f"{column}|length"))
        for column in CONFOUNDS
        if _beyond(row.get(column)) and (column == "length" or _beyond(row.get(f"{column}|length")))
    ]


def correlations_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The correlations of what the selection goes by; empty where there are none."""
    column = summary["variant"] or "score"
    return next((row for row in summary["correlations"] if row["score"] == column), {})


def _beyond(value: float | None) -> bool:
    return value is not None and abs(value) > MARK
