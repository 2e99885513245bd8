"""Which rows of a scored pool are looked at: by score, length, source, subject, level, words, hand.

places = choose_rows(table, span, texts, marks, own)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
from jaxtyping import Int64

from apps.reading.labels import Labelled, labels_in
from apps.reading.scores import ScoreTable, Where
from apps.reading.sharing import shared
from apps.reading.texts import Texts
from apps.widgets.remembered import keep_inside
from apps.words.numbers import WORDS
from workbench.figures import AXES, Axis, axes_for, axis_of, binned_histogram, histogram
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
    scores = table.scored("score")
    names = axes_for(scores)
    if st.session_state.get("axis") not in names:
        st.session_state.pop("axis", None)
    axis_name = st.segmented_control(
        "Axis",
        names,
        default="linear",
        required=True,
        key="axis",
        bind="query-params",
        help=" ".join(f"**{name}**: {AXES[name]}." for name in names),
    )
    axis = _axis(table, str(axis_name))
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
    edges, counts = _bars(scores, axis, is_ranked=axis_name == "percentile")
    above.plotly_chart(
        binned_histogram(
            edges,
            counts,
            name=name,
            marks=_marks(table),
            span=chosen,
            axis=axis,
            height="score" if axis_name == "percentile" else "rows",
        ),
        # A key for each axis: what was dragged on one means nothing on another.
        key=f"histogram-{axis_name}",
        on_select=lambda: _take_drag(f"histogram-{axis_name}", axis, low, high),
        selection_mode="box",
        # A double click lets the dragged range go.
        config={"displayModeBar": False},
        alt="Histogram of the scores; a dragged range chooses the rows below",
    )
    return None if chosen == (low, high) else _widened(chosen, low, high)


@shared(12)
def _axis(table: ScoreTable, name: str) -> Axis:
    return axis_of(table.scored("score"), name)


@shared(12)
def _marks(table: ScoreTable) -> dict[str, float]:
    found = np.quantile(table.scored("score"), (0.1, 0.5, 0.9))
    return dict(zip(("10 %", "median", "90 %"), map(float, found), strict=True))


def _bars(scores: np.ndarray, axis: Axis, *, is_ranked: bool) -> tuple[np.ndarray, np.ndarray]:
    """Edges as scores, evenly spread along the axis, and rows between them; or scores by place."""
    if is_ranked:
        places = np.linspace(0, 100, BINS + 1)
        return axis.back(places), axis.back((places[1:] + places[:-1]) / 2)
    places = axis.to(scores)
    edges, counts = histogram(places, (float(places.min()), float(places.max())), BINS)
    return axis.back(edges), counts


def _widened(chosen: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    """The slider moves in steps, which must not leave out the ends."""
    step = (high - low) / 1000
    first = low if chosen[0] - low < step else chosen[0]
    return first, high if high - chosen[1] < step else chosen[1]


def _take_drag(key: str, axis: Axis, low: float, high: float) -> None:
    """A range dragged in the histogram moves the slider; an emptied selection resets it."""
    boxes = st.session_state[key]["selection"]["box"]
    if not boxes:
        st.session_state["range"] = (low, high)
        return
    ends = sorted(float(axis.back(np.array(float(x)))) for x in boxes[0]["x"])
    st.session_state["range"] = (max(low, ends[0]), min(high, ends[-1]))


def choose_rows(
    table: ScoreTable,
    span: tuple[float, float] | None,
    texts: Texts | None,
    marks: Mapping[str, str],
    own: Mapping[str, Labelled],
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
    if names := labels_in(own):
        wanted = st.multiselect("Own labels", names, key="own", bind="query-params")
        if wanted:
            some = [row_id for row_id, of in own.items() if set(of.labels) & set(wanted)]
            among.append(table.find("row_id", some))
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
        **{key: [] for key in ("source", "subject", "level", "own")},
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
