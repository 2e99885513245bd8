"""A pivotal token in its traces: what they share, then the right and the wrong way on.

st.html(fork_blocks(row))     # a row of `pivots.parquet`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.figures.look import shade
from workbench.reports.escape import Markup, element

_BODY = "white-space:pre-wrap;overflow-wrap:anywhere"
_SIDE = "flex:1 1 18rem;min-width:0;border:1px solid rgba(140,140,140,.5);border-radius:6px"
_MARK = "border-radius:3px;outline:1px solid currentColor;color:inherit"
_BESIDE = "display:flex;flex-wrap:wrap;gap:.8rem"
# Blue for right, orange for wrong, in the shades that other texts are coloured with.
SIDES = (("right", -0.8), ("wrong", 0.8))
AT_ONCE = "The traces part at their first token."


def fork_blocks(row: Mapping[str, Any]) -> Markup:
    """HTML of one fork; every text in it, the model's own included, is escaped."""
    shared = row["shared_text"] or ""
    style = f"{_BODY};opacity:.75;padding:.3rem 0" if shared else "opacity:.75;padding:.3rem 0"
    ways = (_way(row, side, tint) for side, tint in SIDES)
    return element(
        "div",
        element("div", shared or AT_ONCE, style=style),
        element("div", *ways, style=_BESIDE),
    )


def _way(row: Mapping[str, Any], side: str, tint: float) -> Markup:
    """One way on: its first token marked, and whether greedy decoding took it."""
    token = row[f"{'desired' if side == 'right' else 'undesired'}_text"] or ""
    text = row[f"{side}_text"] or ""
    # A token may be part of a character, so that the two do not fit together letter by letter.
    rest = text[len(token) :] if text.startswith(token) else text
    how = "greedy" if (side == "right") == bool(row["greedy_right"]) else "sampled"
    shown = token.replace("\n", "↵\n") or "(end of the text)"
    mark = element("mark", shown, style=f"background:{shade(tint)};{_MARK}")
    return element(
        "div",
        element("div", f"{side} · {how}", style="font-size:.8rem;opacity:.8"),
        element("div", mark, rest, style=_BODY),
        style=f"{_SIDE};padding:.4rem .7rem",
    )
