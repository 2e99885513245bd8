"""Which rows of a scored pool are looked at: by score, length, source, subject, level, words, hand.

places = choose_rows(table, facts, texts, marks)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
from jaxtyping import Int64

from apps.reading.scores import ScoreTable, Where
from apps.reading.texts import Texts
from apps.widgets.remembered import keep_inside
from apps.words.numbers import WORDS
from workbench.figures import binned_histogram, histogram
from workbench.selection import DROP, KEEP, marked

BINS = 60
ANY_MARK = "any"
MARKS = {ANY_MARK: "", "kept": KEEP, "dropped": DROP}


def span_of(table: ScoreTable) -> tuple[float, float]:
    scores = table.scored("score")
    return float(scores.min()), float(scores.max())


def choose_range(table: ScoreTable, name: str) -> tuple[float, float] | None:
    """The histogram, in which a range is dragged, and the slider that does the same by keyboard."""
    low, high = span_of(table)
    if low == high:
        st.caption(f"Every row has the score {low:.4g}.")
        return None
    above = st.container()
    keep_inside("range", low, high)
    chosen = st.slider(
        "Score from and to (or drag in the histogram)",
        low,
        high,
        (low, high),
        step=(high - low) / 1000,
        format="%.3g",
        key="range",
        bind="query-params",
        help=WORDS["range"],
    )
    edges, counts = histogram(table.scored("score"), (low, high), BINS)
    median = float(np.median(table.scored("score")))
    above.plotly_chart(
        binned_histogram(edges, counts, name=name, median=median, span=chosen),
        key="histogram",
        on_select=lambda: _take_drag(low, high),
        selection_mode="box",
        # A double click lets the dragged range go.
        config={"displayModeBar": False},
        alt="Histogram of the scores; a dragged range chooses the rows below",
    )
    return None if chosen == (low, high) else _widened(chosen, low, high)


def _widened(chosen: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    """The slider moves in steps, which must not leave out the ends."""
    step = (high - low) / 1000
    first = low if chosen[0] - low < step else chosen[0]
    return first, high if high - chosen[1] < step else chosen[1]


def _take_drag(low: float, high: float) -> None:
    """A range dragged in the histogram moves the slider; an emptied selection resets it."""
    boxes = st.session_state["histogram"]["selection"]["box"]
    if not boxes:
        st.session_state["range"] = (low, high)
        return
    ends = sorted(float(x) for x in boxes[0]["x"])
    st.session_state["range"] = (max(low, ends[0]), min(high, ends[-1]))


def choose_rows(
    table: ScoreTable,
    span: tuple[float, float] | None,
    texts: Texts | None,
    marks: Mapping[str, str],
) -> Int64[np.ndarray, " place"]:
    """The filter's boxes, and the places of the rows that pass it."""
    first, second, third, fourth = st.columns(4)
    search = first.text_input(
        "Search",
        key="search",
        type="search",
        live="400ms",
        disabled=texts is None,
        bind="query-params",
        help=WORDS["search"],
    )
    lengths = table.scored("n_tokens")
    shortest, longest = int(lengths.min()), int(lengths.max())
    tokens = None
    if shortest < longest:
        keep_inside("tokens", shortest, longest)
        tokens = second.slider(
            "Tokens", shortest, longest, (shortest, longest), key="tokens", bind="query-params"
        )
    sources = third.multiselect(
        "Source", table.codes("source")[1], key="source", bind="query-params"
    )
    mark = fourth.selectbox(
        "By hand", list(MARKS), key="mark", bind="query-params", help=WORDS["marks"]
    )
    among = [table.at_index(found) for found in _found(texts, search)]
    if mark != ANY_MARK:
        among.append(table.find("row_id", marked(marks, MARKS[mark or ANY_MARK])))
    where = Where(
        score=span,
        tokens=None if tokens == (shortest, longest) else tokens,
        sources=tuple(sources),
        among=_all(among),
    )
    return table.places(where)


def offer_reset(table: ScoreTable) -> None:
    """A button that lets every row pass again."""
    st.button("Reset the filters", icon=":material/filter_alt_off:", on_click=_reset, args=(table,))


def _reset(table: ScoreTable) -> None:
    lengths = table.scored("n_tokens")
    all_pass = {
        "range": span_of(table),
        "tokens": (int(lengths.min()), int(lengths.max())),
        "search": "",
        "mark": ANY_MARK,
        "open": 1,
        **{key: [] for key in ("source", "subject", "level")},
    }
    # Only of what is there: a slider without a range is not drawn.
    st.session_state.update({k: v for k, v in all_pass.items() if k in st.session_state})


def _found(texts: Texts | None, search: str | None) -> list[Int64[np.ndarray, " row"]]:
    """Rows with the words, and of the chosen subjects and levels where the data carries them."""
    if texts is None:
        return []
    found = [texts.search(search)] if search else []
    known = {name: texts.labels(name) for name in ("subject", "level")}
    shown = [name for name, values in known.items() if len(values) > 1]
    for name, column in zip(shown, st.columns(max(1, len(shown))), strict=False):
        wanted = column.multiselect(name.capitalize(), known[name], key=name, bind="query-params")
        if wanted:
            found.append(texts.labelled(name, wanted))
    return found


def _all(among: list[Int64[np.ndarray, " place"]]) -> Int64[np.ndarray, " place"] | None:
    """Rows that every part of the filter lets pass; None where there is no part."""
    if not among:
        return None
    kept = among[0]
    for other in among[1:]:
        kept = np.intersect1d(kept, other)
    return kept
