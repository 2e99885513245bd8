"""One head on the Heads page: its numbers, its loss increase by sample, its attention on one.

show_detail(run, heads, deltas, chosen, second=None, wide=st.container())
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps.passes.kinds import known_kinds
from apps.passes.model import local_model
from apps.reading.heads import probe_samples
from apps.reading.kept_samples import KeptSample
from apps.reading.runs import FoundRun
from apps.views.heads.making import fill_box
from apps.widgets.chart import chart
from apps.widgets.kept import how_to_see_more, kept_of_model
from apps.widgets.one_sample import ADDRESS, sample_in_view, show_ways
from apps.widgets.patterns import draw_pattern, show_pattern
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import HeadKinds, Importance
from workbench.figures import head_name, measure_name, sample_deltas
from workbench.types import Head, HeadScore, HeadScores

TABLE = "all-heads"
PROBE, SCORED = "of the probe", "the scored row"
DETAILS = ("by sample", "attention")


def show_detail(
    run: FoundRun,
    heads: HeadScores,
    deltas: Importance | None,
    chosen: Head,
    *,
    second: HeadScores | None,
    wide: DeltaGenerator,
) -> None:
    """Numbers, then what the reader asks for, and the way to the Playground.

    A pattern needs room, so it goes to `wide`.
    """
    show_numbers(heads, chosen, second)
    _show_kinds(known_kinds(run), chosen)
    detail = st.segmented_control(
        "Show", DETAILS, default=DETAILS[0], required=True, key="detail", bind="query-params"
    )
    if detail == "attention":
        st.caption("The pattern stands below, over the whole width.")
        with wide:
            _show_attention(run, heads, deltas, chosen)
    elif deltas is None:
        st.caption("This run keeps no per-sample results.")
    else:
        _show_samples(run, heads, deltas, chosen)
    st.page_link(
        "views/playground/page.py",
        label="Switch it off in the Playground",
        icon=":material/science:",
        query_params={"off": head_name(*chosen)},
    )


def show_numbers(heads: HeadScores, chosen: Head, second: HeadScores | None = None) -> None:
    head = next(h for h in heads.heads if (h.layer, h.head) == chosen)
    is_retrieval = heads.method == "retrieval"
    left, right = st.columns(2)
    left.metric(_label(heads), f"{head.delta:.4f}", help=WORDS[_word(heads)])
    right.metric("Rank", f"{head.rank} / {len(heads.heads)}", help=WORDS["rank"])
    left.metric("Stability", f"{head.stability:.0%}", help=WORDS["stability"])
    if head.kept is not None:
        right.metric("Kept by", f"{head.kept:.0%}", help=WORDS["kept"])
    elif not is_retrieval:
        right.metric("Unchanged loss", f"{heads.base_loss:.4f}", help=WORDS["base_loss"])
    if second is not None:
        left, right = st.columns(2)
        other = next(h for h in second.heads if (h.layer, h.head) == chosen)
        left.metric(_label(second), f"{other.delta:.4f}", help=WORDS[_word(second)])
        right.metric("Rank by it", f"{other.rank} / {len(second.heads)}", help=WORDS["rank"])
    if head.contribution is not None:
        _show_facts(head)
    unit = "share of tokens" if is_retrieval else "nats per token"
    low, high = f"{head.ci_low:.4f}", f"{head.ci_high:.4f}"
    st.text(f"95 % interval {low} to {high} {unit}", help=WORDS["interval"])


def _show_kinds(kinds: HeadKinds | None, chosen: Head) -> None:
    if kinds is None:
        return
    left, right = st.columns(2)
    left.metric("Previous token", f"{kinds.previous[chosen]:.0%}", help=WORDS["head_kinds"])
    right.metric("Induction", f"{kinds.induction[chosen]:.0%}", help=WORDS["head_kinds"])


def _show_facts(head: HeadScore) -> None:
    """What it contributes, where it rests, and whether it is idle."""
    left, right = st.columns(2)
    left.metric("Contribution", f"{head.contribution:+.4f}", help=WORDS["head_contribution"])
    if head.sink_share is not None:
        right.metric("On the first token", f"{head.sink_share:.0%}", help=WORDS["sink_share"])
    if head.idle:
        st.badge("idle", icon=":material/hotel:", color="orange", help=WORDS["idle"])


def _label(heads: HeadScores) -> str:
    return "Retrieval score" if heads.method == "retrieval" else "Loss increase"


def _word(heads: HeadScores) -> str:
    return "retrieval" if heads.method == "retrieval" else "delta"


def _show_samples(run: FoundRun, heads: HeadScores, deltas: Importance, chosen: Head) -> None:
    values = deltas.deltas[:, chosen.layer, chosen.head]
    was_run = np.isfinite(values)
    if not was_run.any():
        st.caption("This head was never run: gradients gave it little.")
        return
    values, ids = values[was_run], [deltas.row_ids[i] for i in np.flatnonzero(was_run)]
    if len(ids) < len(deltas.row_ids):
        st.caption(f"Run on {len(ids)} of {len(deltas.row_ids)} samples before it was decided.")
    measure = measure_name(heads)
    chart(
        sample_deltas(values, chosen, unit=measure),
        key="by-sample",
        alt=f"Histogram over the probe samples for the chosen head: {measure}",
    )
    samples = probe_samples(run, workspace())
    texts = [samples[i].prompt[:300] if i in samples else "" for i in ids]
    name = _label(heads).lower()
    columns = {name: values, "unchanged loss": deltas.base_loss[was_run], "sample": texts}
    frame = pd.DataFrame({**columns, "row id": ids})
    with st.expander("Probe samples, those with most of it first"):
        st.dataframe(frame.sort_values(name, ascending=False), hide_index=True)


def _show_attention(
    run: FoundRun, heads: HeadScores, deltas: Importance | None, chosen: Head
) -> None:
    """The head's pattern on one sample of the probe, or on the row looked at on other pages."""
    viewed, kept = sample_in_view(), kept_of_model(run.model)
    if viewed is not None:
        asked = SCORED if ADDRESS in st.query_params else PROBE
        whose = st.segmented_control(
            "Sample", (PROBE, SCORED), default=asked, required=True, key="pattern_of"
        )
        if whose == SCORED:
            show_ways(viewed[0], viewed[1].row_id, here="heads")
            if kept:
                _show_kept_attention(run, kept, chosen, wanted=viewed[1].row_id)
                return
            model = local_model(run, heads.model)
            if model is not None:
                show_pattern(model, viewed[1], chosen)
            return
    if kept:
        _show_kept_attention(run, kept, chosen)
    else:
        _show_probe_attention(run, heads, deltas, chosen)


def _show_kept_attention(
    run: FoundRun, kept: Mapping[str, KeptSample], chosen: Head, *, wanted: str | None = None
) -> None:
    """The head's pattern on a row that was kept with scores by the same model.

    That which is `wanted` is shown first, where it is one of them.
    """
    rows = {row_id: sample for row_id, sample in kept.items() if chosen in sample.by_head}
    if not rows:
        heads = sorted({head for sample in kept.values() for head in sample.heads})
        names = ", ".join(head_name(*head) for head in heads)
        st.info(
            f"The model is not on this machine. Attention was kept of some rows under {names}; "
            f"not of {head_name(*chosen)}."
        )
    else:
        if wanted is not None and wanted not in rows:
            st.caption(literal(f"Of the row “{wanted}” no attention was kept."))
        row_id = st.selectbox(
            f"The model is not on this machine: {len(rows)} rows were kept with their attention",
            list(rows),
            list(rows).index(wanted) if wanted in rows else 0,
            format_func=lambda name: f"{name}: {rows[name].opening}" if name in rows else str(name),
            key="kept_row" if wanted is None else f"kept_row-{wanted}",
        )
        draw_pattern(rows[row_id or next(iter(rows))], chosen, key="kept")
    how_to_see_more(run)


def _show_probe_attention(
    run: FoundRun, heads: HeadScores, deltas: Importance | None, chosen: Head
) -> None:
    """The head's pattern on one probe sample; those that need it most come first."""
    samples = probe_samples(run, workspace())
    if not samples:
        st.caption("The probe of this run is gone, and with it the samples to look at.")
        return
    rows, order = list(samples), "in the order of the probe"
    needing = _most_first(deltas, chosen) if deltas is not None else []
    if ranked := [row_id for row_id in needing if row_id in samples]:
        rows, order = ranked, "1 needs this head most"
    keep_inside("probe_place", 1, len(rows))
    place = st.number_input(
        f"Probe sample (1 to {len(rows)}; {order})", 1, len(rows), key="probe_place"
    )
    model = local_model(run, heads.model)
    if model is not None:
        show_pattern(model, samples[rows[int(place) - 1]], chosen)


def _most_first(deltas: Importance, chosen: Head) -> list[str]:
    """The samples that the head was run on, the one that lost most first."""
    values = deltas.deltas[:, chosen.layer, chosen.head]
    order = np.argsort(-values, kind="stable")[: int(np.isfinite(values).sum())]
    return [deltas.row_ids[i] for i in order]


def show_table(heads: HeadScores, kinds: HeadKinds | None = None) -> None:
    rows = [
        {
            "head": head_name(h.layer, h.head),
            measure_name(heads): h.delta,
            "from": h.ci_low,
            "to": h.ci_high,
            "rank": h.rank,
            "stability": h.stability,
            "kept": h.kept,
            "circuit": h.selected,
            "contribution": h.contribution,
            "first token": h.sink_share,
            "idle": h.idle,
            "previous token": kinds.previous[h.layer, h.head] if kinds else None,
            "induction": kinds.induction[h.layer, h.head] if kinds else None,
        }
        for h in sorted(heads.heads, key=lambda h: h.rank)
    ]
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    shares = {
        name: st.column_config.NumberColumn(format="percent", help=WORDS[word])
        for name, word in (
            ("first token", "sink_share"),
            ("previous token", "head_kinds"),
            ("induction", "head_kinds"),
        )
    }
    with st.expander("All heads as a table"):
        st.caption("Rows that are ticked fill the box of “Make a circuit of your own”.")
        st.dataframe(
            frame,
            hide_index=True,
            column_config={
                **shares,
                "kept": st.column_config.NumberColumn(format="percent", help=WORDS["kept"]),
            },
            key=TABLE,
            on_select=lambda: _take_rows(frame["head"].tolist()),
            selection_mode="multi-row",
        )


def _take_rows(names: list[str]) -> None:
    rows = st.session_state[TABLE]["selection"]["rows"]
    fill_box([names[row] for row in rows])
