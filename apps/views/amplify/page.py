"""Amplify: which tokens decide a failing task, which components, and what did strengthening do?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from apps.reading.files import load, read_json
from apps.reading.runs import FoundRun
from apps.reading.workspace import ref_of
from apps.views.amplify.chain import made_from, next_amplify, say_how_to_begin, show_unfinished
from apps.widgets.chart import chart
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import choose_run, workspace
from apps.words.guides import show_heading
from apps.words.markdown import as_markdown, literal
from apps.words.numbers import WORDS
from workbench.amplification import OK, read_mask_file, read_pivots, read_report
from workbench.figures import mask_course, mask_maps
from workbench.reports import RESULT_COLUMNS, amplification_figures, fork_blocks, results_rows


def show_pivots(run: FoundRun, summary: dict[str, Any]) -> None:
    """How many there are, what became of the others, and one of them in its traces."""
    columns = st.columns(4)
    columns[0].metric("Pivotal tokens", summary["n_pivots"], help=WORDS["pivots"])
    columns[1].metric("Problems", summary["n_problems"], help=WORDS["pivot_problems"])
    columns[2].metric(
        "Right greedily", f"{summary['greedy_right']:.1%}", help=WORDS["greedy_right"]
    )
    columns[3].metric(
        "Traces a problem", f"{summary['mean_sampled']:.1f}", help=WORDS["mean_sampled"]
    )
    without = [f"{summary['counts'][s]} {reason}" for s, reason in summary["reasons"].items()]
    if without:
        text = f"Without a pivotal token: {'; '.join(without)}."
        st.caption(as_markdown(text, maths=False))
    rows = [r for r in load(read_pivots, run.folder / "pivots.parquet") if r["status"] == OK]
    if not rows:
        st.info("No problem of this run is right at one time and wrong at another.")
        return
    keep_inside("pivot", 1, len(rows))
    place = st.number_input(
        "Pivotal token", 1, len(rows), 1, key="pivot", bind="query-params", help=WORDS["pivot"]
    )
    row = rows[int(place) - 1]
    st.markdown(as_markdown(row["prompt"] or "", maths=False))
    st.html(fork_blocks(row))
    label = f"{summary['label']} {row['label']}, " if row["label"] is not None else ""
    text = (
        f"Row {row['row_id']}: {label}{row['n_shared']} tokens shared, {row['n_sampled']} sampled."
    )
    st.caption(as_markdown(text, maths=False))


def show_mask(mask: dict[str, Any]) -> None:
    """What is kept, where, and how the optimisation went."""
    columns = st.columns(4)
    columns[0].metric("Components kept", mask["n_kept"], help=WORDS["mask_kept"])
    columns[1].metric("Of all", f"{mask['share']:.2%}", help=WORDS["mask_share"])
    before, after = mask["difference_before"], mask["difference_after"]
    columns[2].metric("Logit difference", f"{before:+.2f}", help=WORDS["difference_before"])
    columns[3].metric("Under the mask", f"{after:+.2f}", help=WORDS["difference_after"])
    for warning in mask["warnings"]:
        st.warning(as_markdown(f"{warning[0].upper()}{warning[1:]}.", maths=False))
    alt = "Every query, key and value head's mask value, and the share of neurons kept, by layer"
    chart(mask_maps(mask), key="mask-maps", alt=alt)
    with st.expander("How it was found"):
        alt = "Logit difference and number of kept components by epoch"
        chart(mask_course(mask), key="mask-course", alt=alt)
        price = mask["options"]["l1"]
        st.caption(literal(f"Price of a component (l1) {price:g}; {mask['stopped']}."))


def show_update(update: dict[str, Any]) -> None:
    """On validation problems alone: the report is what counts."""
    validation, best = update["validation"], update["best"]
    columns = st.columns(3)
    columns[0].metric("Before", f"{validation['before']:.1%}", help=WORDS["validation_before"])
    columns[1].metric("After", f"{validation['after']:.1%}", help=WORDS["validation_after"])
    columns[2].metric("Step kept", best["step"], help=WORDS["step_kept"])


def show_report(report: dict[str, Any]) -> None:
    """The verdict, the bars with their intervals, and every number in a table."""
    verdict = as_markdown(report["verdict"], maths=False)
    (st.success if report["supported"] else st.warning)(verdict)
    gain = report["gains"]["mask"]["task"]
    columns = st.columns(3)
    columns[0].metric("Before", f"{report['base']['task']:.1%}", help=WORDS["task_right"])
    columns[1].metric("Gain", f"{gain['mean']:+.1%}", help=WORDS["amplify_gain"])
    columns[1].caption(f"{gain['low']:+.1%} to {gain['high']:+.1%}")
    if random := report["against"].get("random"):
        columns[2].metric(
            "Against a random mask", f"{random['mean']:+.1%}", help=WORDS["amplify_against"]
        )
        columns[2].caption(f"{random['low']:+.1%} to {random['high']:+.1%}")
    columns = st.columns(2, gap="large") * 2
    for column, (name, figure) in zip(columns, amplification_figures(report).items(), strict=False):
        alt = f"Right answers before and after, by variant, {name}; the table below has the numbers"
        chart(figure, key=f"bars-{name}", alt=alt, where=column)
    rows = [dict(zip(RESULT_COLUMNS, row, strict=True)) for row in results_rows(report)]
    st.dataframe(rows, hide_index=True, alt="Every measure, before and after each update")
    st.caption(WORDS["side_effects"])


show_heading("Amplify", "amplify")
if not any(run.stage == "amplify-localize" for run in workspace().finished("amplify")):
    say_how_to_begin()
    show_unfinished()
    st.stop()
run = choose_run("amplify", label="Pivotal tokens", key="pivots", only="amplify-localize")
summary = load(read_json, run.result)
where = f" with {summary['where']}" if summary["where"] else ""
text = f"{run.model} on {', '.join(summary['data'])}{where}, rule {summary['rule']}."
st.caption(as_markdown(text, maths=False))
st.subheader("1 Where right and wrong part")
show_pivots(run, summary)
st.subheader("2 What decides there")
mask_run = made_from(run, "amplify-mask", label="Mask", key="mask")
if mask_run is None:
    next_amplify("mask", ref_of(run), run.model, why="No mask has been learnt on these tokens yet.")
else:
    show_mask(load(read_mask_file, mask_run.result))
    st.subheader("3 What strengthening it did")
    update_run = made_from(mask_run, "amplify-update-mask", label="Update", key="update")
    if update_run is None:
        next_amplify("update", ref_of(mask_run), run.model, why="Nothing has been updated yet.")
    elif report_run := made_from(update_run, "amplify-report", label="Report", key="report"):
        show_report(load(read_report, report_run.result))
    else:
        show_update(load(read_json, update_run.result))
        why = "These problems chose the step. Held-out problems and the controls are still to do."
        next_amplify("report", ref_of(update_run), run.model, why=why)
show_unfinished()
