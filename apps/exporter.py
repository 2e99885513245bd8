"""The selection exporter: options, a live preview, and the dataset folder it writes.

selected_row_ids = show_exporter(run, frame)
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import streamlit as st
from words import WORDS
from workspace import FoundRun, load, runs_root

from workbench import selection
from workbench.data import FORMATS
from workbench.errors import WorkbenchError
from workbench.execute import Place, SelectOptions, read_scores, run_export, run_select
from workbench.figures import selected_against_pool
from workbench.selection import ADJUSTED, POLICIES, Selection

MAX_DOWNLOAD_BYTES = 5_000_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
GROUPS = ("source", "length_bin", "level", "n_steps")


def show_exporter(run: FoundRun, frame: pd.DataFrame) -> list[str]:
    """Draw the exporter; returns the row ids of the preview."""
    with st.container(border=True):
        st.subheader("Select and export")
        options = _options(frame)
        try:
            chosen = selection.select(load(read_scores, run.result), **dataclasses.asdict(options))
        except WorkbenchError as err:
            st.error(f"This selection is not possible: {err}")
            return []
        _show_preview(chosen, frame)
        _show_export(run, options)
    return chosen.rows["row_id"].tolist()


def _options(frame: pd.DataFrame) -> SelectOptions:
    left, right = st.columns(2)
    policies = ["soft", *(name for name in POLICIES if name != "soft")]
    policy = left.selectbox("Policy", policies, key="policy", help=WORDS["policy"]) or "soft"
    percent = right.slider("Share of the rows, %", 1, 100, 10, key="percent")
    adjust = left.selectbox("Adjust", list(ADJUSTED), key="adjust", help=WORDS["adjust"])
    groups = ["none", *(g for g in GROUPS if g == "length_bin" or _varies(frame, g))]
    group_by = right.selectbox("Group by", groups, key="group_by", help=WORDS["group_by"])
    temperature = left.number_input(
        "Temperature",
        0.05,
        100.0,
        1.0,
        step=0.25,
        disabled=policy != "soft",
        key="temperature",
        help=WORDS["temperature"],
    )
    seed = right.number_input("Seed", 0, 2**31 - 1, 0, key="seed")
    return SelectOptions(
        policy,
        fraction=percent / 100,
        temperature=float(temperature),
        adjust=adjust or "none",
        group_by=None if group_by in (None, "none") else group_by,
        seed=int(seed),
    )


def _varies(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and 1 < len(frame[column].unique()) <= 50


def _show_preview(chosen: Selection, frame: pd.DataFrame) -> None:
    report = chosen.diagnostics
    columns = st.columns(3)
    columns[0].metric("Selected", f"{report['n_selected']:,}", help=WORDS["selected"])
    columns[1].metric("Eff. size", f"{report['effective_sample_size']:,.0f}", help=WORDS["ess"])
    overlap = report["top_overlap"]
    columns[2].metric("In top", f"{overlap['share']:.0%}", help=WORDS["top_overlap"])
    tokens = report["tokens"]
    st.caption(
        f"{tokens['after']:,} of {tokens['before']:,} tokens; by chance "
        f"{overlap['share_if_random']:.0%} would be in the top."
    )
    rows = frame.set_index("row_id").loc[chosen.rows["row_id"].tolist()]
    for column, name in (("score", "Score"), ("n_tokens", "Tokens")):
        figure = selected_against_pool(
            frame[column].to_numpy(float), rows[column].to_numpy(float), name=name
        )
        st.plotly_chart(figure, key=f"against-{column}", alt=f"{name} of selected rows and pool")


def _show_export(run: FoundRun, options: SelectOptions) -> None:
    left, right = st.columns(2)
    proposal = f"{options.policy}-{run.name[-8:]}"
    name = left.text_input("Name of the folder", proposal, key="folder")
    fmt = right.selectbox("Format", list(FORMATS), key="format") or "jsonl"
    exports = runs_root().resolve().parent / "exports"
    if not NAME.fullmatch(name):
        st.error("The name may hold letters, digits, dots, dashes and underscores only.")
        return
    st.text(f"Writes {exports / name}")
    if st.button("Export", type="primary", icon=":material/save:"):
        place = Place(runs_root())
        try:
            outcome = run_select(place, run.result, options)
            report = run_export(place, outcome.result, exports / name, format=fmt)
        except WorkbenchError as err:
            st.error(f"Not exported: {err}")
            return
        st.session_state["exported"] = exports / name / report["data_file"]
        st.success(f"{report['counts']['selected']} rows written.", icon=":material/check:")
    exported = st.session_state.get("exported")
    if exported is not None:
        _offer_download(exported)


def _offer_download(path: Path) -> None:
    if not path.is_file():
        return
    if path.stat().st_size > MAX_DOWNLOAD_BYTES:
        st.text(f"{path} is too large for the browser; take it from the folder.")
        return
    st.download_button(
        f"Download {path.name}",
        data=path.read_bytes,
        file_name=f"{path.parent.name}-{path.name}",
        icon=":material/download:",
        on_click="ignore",
    )
