"""A pivotal token in its traces: what they share, then the right and the wrong way on.

st.html(fork_blocks(row))     # a row of `pivots.parquet`
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from workbench.figures.look import shade

_BODY = "white-space:pre-wrap;overflow-wrap:anywhere"
_SIDE = "flex:1 1 18rem;min-width:0;border:1px solid rgba(140,140,140,.5);border-radius:6px"
# Blue for right, orange for wrong, in the shades that other texts are coloured with.
SIDES = (("right", -0.8), ("wrong", 0.8))


def fork_blocks(row: Mapping[str, Any]) -> str:
    """HTML of one fork; every text in it, the model's own included, is escaped."""
    shared = row["shared_text"] or ""
    both = (
        f'<div style="{_BODY};opacity:.75;padding:.3rem 0">{html.escape(shared)}</div>'
        if shared
        else '<div style="opacity:.75;padding:.3rem 0">The traces part at their first token.</div>'
    )
    ways = "".join(_way(row, side, tint) for side, tint in SIDES)
    return f'<div>{both}<div style="display:flex;flex-wrap:wrap;gap:.8rem">{ways}</div></div>'


def _way(row: Mapping[str, Any], side: str, tint: float) -> str:
    """One way on: its first token marked, and whether greedy decoding took it."""
    token = row[f"{'desired' if side == 'right' else 'undesired'}_text"] or ""
    text = row[f"{side}_text"] or ""
    # A token may be part of a character, so that the two do not fit together letter by letter.
    rest = text[len(token) :] if text.startswith(token) else text
    how = "greedy" if (side == "right") == bool(row["greedy_right"]) else "sampled"
    shown = html.escape(token).replace("\n", "↵\n") or "(end of the text)"
    mark = f"background:{shade(tint)};border-radius:3px;outline:1px solid currentColor"
    return (
        f'<div style="{_SIDE};padding:.4rem .7rem"><div style="font-size:.8rem;opacity:.8">'
        f"{side} · {how}</div>"
        f'<div style="{_BODY}"><mark style="{mark};color:inherit">{shown}</mark>'
        f"{html.escape(rest)}</div></div>"
    )
