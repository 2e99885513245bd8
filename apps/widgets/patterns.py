"""Long samples on a page: a window of the tokens, and a head's pattern within it.

window = choose_window(values, key="a")        # (0, len) for a short sample
show_pattern(model, sample, Head(0, 3))
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from apps.passes.attention import head_pattern, rendered_window, texts_of_tokens
from apps.widgets.chart import chart
from apps.words.markdown import literal
from workbench.figures import head_name, overview_strip, pattern_heatmap
from workbench.models import Model, UnrenderableError
from workbench.types import Head, Sample

WINDOW = 120


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
        ids, _ = rendered_window(model, sample, part=part)
    except UnrenderableError as err:
        st.warning(literal(f"This sample cannot be shown: {err}"))
        return
    if len(ids) > model.n_ctx:
        st.caption(f"The first {model.n_ctx} of {len(ids)} tokens, which fit the model's context.")
        ids = ids[: model.n_ctx]
    draw_pattern(model, ids, head, key="pattern")


def draw_pattern(
    model: Model,
    ids: tuple[int, ...],
    head: Head,
    *,
    key: str,
    window: tuple[int, int] | None = None,
) -> None:
    """The pattern of `head` within `window`, which is asked for where none is given."""
    pattern = head_pattern(model, ids, head)
    if window is None:
        received = pattern.mean(0)
        window = choose_window(received, title="Attention received, whole sample", key=f"{key}-w")
    start, end = window
    chart(
        pattern_heatmap(
            pattern[start:end, start:end],
            texts_of_tokens(model, ids[start:end]),
            title=f"{head_name(*head)}: each row shares 1 over the tokens before it",
            first=start + 1,
        ),
        key=key,
        alt=f"Attention of every query to every key in head {head_name(*head)}",
    )
