"""Long samples on a page: a window of the tokens, and a head's pattern within it.

window = choose_window(values, key="a")        # (0, len) for a short sample
show_pattern(model, row, Head(0, 3))
draw_pattern(kept, Head(0, 3), key="pattern")
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from apps.passes.attention import Attended, live_sample
from apps.widgets.chart import chart
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.figures import (
    head_name,
    overview_strip,
    pattern_heatmap,
    token_strip,
    visible,
    weighted,
    without_first,
)
from workbench.models import Model, UnrenderableError
from workbench.types import Head, Sample

WINDOW = 120
NO_FIRST, LOG, WEIGHTED = "without the first token", "log colours", "weighted by values"
VIEWS = (NO_FIRST, LOG, WEIGHTED)


def choose_window(values: Float[np.ndarray, " pos"], *, title: str, key: str) -> tuple[int, int]:
    """The part of a long sample to show: a strip of all of it, and a slider for the part."""
    if len(values) <= WINDOW:
        return 0, len(values)
    start, end = st.slider(
        "Tokens shown", 1, len(values), (1, WINDOW), key=key, persist_state="session"
    )
    end = min(end, start + 2 * WINDOW)
    chart(
        overview_strip(values, window=(start - 1, end), title=title),
        key=f"{key}-overview",
        alt="The whole sample in one line of colours; the part shown below is framed",
    )
    return start - 1, end


def show_pattern(model: Model, sample: Sample, head: Head, *, part: str = "prompt") -> None:
    """The head's attention on the sample, in a window where it is long."""
    try:
        seen = live_sample(model, sample, part=part)
    except UnrenderableError as err:
        st.warning(literal(f"This sample cannot be shown: {err}"))
        return
    if seen.n_left_out:
        n_all = seen.n_tokens + seen.n_left_out
        st.caption(f"The first {seen.n_tokens} of {n_all} tokens, which fit the model's context.")
    draw_pattern(seen, head, key="pattern")


def draw_pattern(
    seen: Attended,
    head: Head,
    *,
    key: str,
    window: tuple[int, int] | None = None,
    is_small: bool = False,
) -> None:
    """The pattern of `head` within `window`, which is asked for where none is given."""
    how = st.pills(
        "Seen", VIEWS, selection_mode="multi", key=f"{key}-view", help=WORDS["pattern_view"]
    )
    pattern = _pattern_of(seen, head, tuple(how or ()))
    if window is None:
        received = pattern.mean(0)
        window = choose_window(received, title="Attention received, whole sample", key=f"{key}-w")
    start, end = window
    tokens = seen.texts(start, end)
    place = _choose_token(tokens, key=f"{key}-token", first=start + 1)
    what = "value read" if WEIGHTED in (how or ()) else "attention"
    # Another key with every choice: else a second click on a token would only unselect it.
    name = f"{key}-{place}"
    chart(
        pattern_heatmap(
            pattern[start:end, start:end],
            tokens,
            title=f"{head_name(*head)}: {what}, each row sums to 1",
            first=start + 1,
            is_log=LOG in (how or ()),
            looked_at=place,
            is_small=is_small,
        ),
        key=name,
        alt=f"Attention of every query to every key in head {head_name(*head)}",
        on_select=lambda: _take_token(name, f"{key}-token"),
        selection_mode="points",
    )
    if place is not None:
        _show_token(pattern[start:end, start:end], tokens, place, first=start + 1)


def _pattern_of(seen: Attended, head: Head, how: tuple[str, ...]) -> Float[np.ndarray, "query key"]:
    pattern = seen.pattern(head)
    if WEIGHTED in how:
        pattern = weighted(pattern, seen.values(head))
    return without_first(pattern) if NO_FIRST in how else pattern


def _choose_token(tokens: tuple[str, ...], *, key: str, first: int) -> int | None:
    """One token to follow; None, as at the beginning, follows none."""
    if (st.session_state.get(key) or 0) >= len(tokens):
        st.session_state[key] = None
    return st.selectbox(
        "From and to one token (or click on the diagonal; again lets it go)",
        range(len(tokens)),
        index=None,
        format_func=lambda i: f"{first + i}. {visible(tokens[i])}",
        placeholder="none",
        key=key,
    )


def _take_token(name: str, key: str) -> None:
    points = st.session_state[name]["selection"]["points"]
    found = [point["customdata"] for point in points if isinstance(point.get("customdata"), int)]
    if found:
        st.session_state[key] = None if st.session_state.get(key) == found[0] else found[0]


def _show_token(
    pattern: Float[np.ndarray, "query key"], tokens: tuple[str, ...], place: int, *, first: int
) -> None:
    """Where the token looks, and which tokens look at it."""
    name = literal(f"{first + place}. {visible(tokens[place])}")
    for said, values in (
        (f"**{name} looks at**", pattern[place]),
        (f"**{name} is looked at by**", pattern[:, place]),
    ):
        st.markdown(said)
        st.html(token_strip(tokens, values, meaning="share", first=first))
