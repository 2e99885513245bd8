"""What a selection would do to the data, drawn at once and nothing written.

chosen = show_preview(pool, options)
show_comparison(chosen, pool, others)
title_of(others[0])
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.views.select.controls import show_against_controls
from apps.views.select.pool import PreviewPool
from apps.widgets.chart import chart
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench import selection
from workbench.errors import WorkbenchError
from workbench.figures import mix_before_after
from workbench.selection import LENGTH_BIN, Selection
from workbench.stages import SelectOptions

NONE = "no other selection"


def show_preview(pool: PreviewPool, options: SelectOptions) -> Selection | None:
    """Numbers and figures of the selection; None where it is not possible, with the reason."""
    try:
        scaled, left_out = pool.previewed(options)
        chosen = _drawn(pool, scaled)
    except WorkbenchError as err:
        st.error(literal(f"This selection is not possible: {err}"))
        return None
    report = chosen.diagnostics
    _show_numbers(report, pool.share)
    _show_more(report, pool, left_out)
    show_against_controls(pool, chosen, seed=options.seed)
    if (mix := report.get("groups")) and len(mix) > 1:
        figure = mix_before_after(mix, title="Groups: pool and selected")
        chart(figure, key="mix-Groups", alt="Groups before and after")
    return chosen


def _drawn(pool: PreviewPool, options: SelectOptions) -> Selection:
    """As `workbench select` draws, from the rows of the preview."""
    quotas = selection.parse_quotas(options.quota)
    signatures = None
    if options.near_duplicates is not None:
        with st.spinner("Comparing the texts"):
            signatures = pool.signatures()
    return selection.select(
        pool.frame,
        **dataclasses.asdict(options),
        groups=_column(pool, options.group_by),
        quota_groups=_column(pool, quotas.column if quotas else None),
        signatures=signatures,
    )


def _column(pool: PreviewPool, name: str | None) -> pd.Series | None:
    return None if name in (None, LENGTH_BIN) else pool.column(name)


def _show_more(report: Mapping, pool: PreviewPool, left_out: list[str]) -> None:
    """What came of quotas, caps and near duplicates, and what is left to the saved selection."""
    if quotas := report.get("quotas"):
        st.markdown("**What the quotas get**", help=WORDS["quotas"])
        names = {"name": report["quota_by"], "in_pool": "in the pool"}
        table = pd.DataFrame(quotas)
        numbers = ["asked", "in_pool", "taken"]
        table[numbers] = (table[numbers] / pool.share).round().astype(int)
        st.dataframe(table.rename(columns=names), hide_index=True, alt="Quotas, asked and taken")
    if (unfilled := report.get("unfilled", 0)) and report["unit"] == "rows":
        st.caption(
            f"{round(unfilled / pool.share):,} rows fewer than the budget: groups with a quota or "
            "at their most have no others."
        )
    if near := report.get("near_duplicates"):
        st.caption(
            f"Near duplicates left out: {near['left_out']:,} rows, for {near['stay_for_them']:,} "
            "that stay."
            if near["left_out"]
            else "No two rows are so alike: none is left out as a near duplicate."
        )
    if pool.is_first_alone:
        left_out = ["the scores combined with the first", *left_out]
    if left_out:
        st.info(
            f"Too many rows for the preview to show this as well: {', '.join(left_out)}. What is "
            "saved goes by it.",
            icon=":material/info:",
        )


def _show_numbers(report: Mapping, share: float) -> None:
    overlap, tokens = report["top_overlap"], report["tokens"]
    columns = st.columns(4)
    columns[0].metric(
        "Selected", f"{round(report['n_selected'] / share):,}", help=WORDS["selected"]
    )
    size = round(report["effective_sample_size"] / share)
    columns[1].metric("Effective size", f"{size:,}", help=WORDS["ess"])
    columns[2].metric("In the top", f"{overlap['share']:.0%}", help=WORDS["top_overlap"])
    columns[3].metric(
        "Of all tokens", f"{tokens['after'] / tokens['before']:.0%}", help=WORDS["token_share"]
    )
    st.caption(f"A random draw would have {overlap['share_if_random']:.0%} of its rows in the top.")
    if share < 1:
        st.caption(
            f"Previewed on {report['n_pool']:,} rows, evenly spread over the pool, and scaled up; "
            "what is saved is drawn from all rows."
        )


def show_comparison(chosen: Selection, pool: PreviewPool, others: list[FoundRun]) -> None:
    """The preview against a saved selection of the same scores."""
    named = {title_of(run): run for run in others}
    title = st.selectbox("Compare with", [NONE, *named], key="second", bind="query-params")
    if title not in named:
        return
    other = load(row_ids_in, named[title].result)
    overlap = selection.overlap_of(chosen.rows["row_id"].tolist(), other, pool.frame)
    columns = st.columns(3)
    columns[0].metric("Shared rows", f"{overlap.shared:.0%}", help=WORDS["shared_rows"])
    columns[1].metric("Its median score", f"{overlap.median_score:.3g}", help=WORDS["score"])
    columns[2].metric("Its mean tokens", f"{overlap.mean_tokens:.0f}", help=WORDS["n_tokens"])
    st.caption(f"Two unrelated selections would share {overlap.by_chance:.0%} of this one's rows.")


def title_of(run: FoundRun) -> str:
    """A saved selection by what was asked."""
    config = run.manifest["config"]
    budget = [f"{k} {config[k]:g}" for k in ("fraction", "n", "tokens") if config[k]]
    words = [config["policy"], *budget, *config.get("quota", ())]
    if methods := run.manifest.get("details", {}).get("combined"):
        words += [f"{config['combine']} of {', '.join(methods)}"]
    words += [f"free of {config['adjust']}"] if config["adjust"] != "none" else []
    words += [f"by {config['group_by']}"] if config["group_by"] else []
    words += [f"at most {most} a group"] if (most := config.get("max_per_group")) else []
    words += [f"none {least:g} alike"] if (least := config.get("near_duplicates")) else []
    return " · ".join([*words, run.name[-8:]])


def row_ids_in(path: Path) -> frozenset[str]:
    """The rows of a saved selection."""
    return frozenset(pd.Series(pq.read_table(path, columns=["row_id"])["row_id"]).tolist())
