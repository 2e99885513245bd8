"""The forms of the Run page: what a stage is asked, as arguments of its command.

arguments = STAGES["score"].ask(context)      # draws the form; ["score", "--model=math-tiny", ...]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from roots import MAX_UPLOAD_MB, checked_data, checked_model, keep_upload
from words import WORDS
from workspace import FoundRun, allowed_roots, finished_runs, own_root

from workbench.bundled import DATASETS, MODELS
from workbench.errors import InputError
from workbench.scoring import NEEDS_HEADS, SCORERS

OTHER, UPLOAD = "a path or a hub id", "a file from this computer"
UPLOAD_TYPES = ["jsonl", "gz", "json", "parquet", "csv"]


@dataclass(frozen=True)
class Stage:
    """One form; `explains` says whether the command can print its plan."""

    title: str
    what: str
    ask: Callable[[], list[str]]
    explains: bool = True


def flags(values: Mapping[str, Any]) -> list[str]:
    """`--name=value` for what is given: one word each, so that no value is taken for an option."""
    words = []
    for name, value in values.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words.append(f"--{name}={value}")
    return words


def choose_model(preferred: str = "") -> str:
    """A bundled model, or another one below the allowed roots or of the hub."""
    names = [*MODELS, OTHER]
    name = st.selectbox("Model", names, key="model", help=WORDS["model"])
    if name != OTHER:
        return str(name)
    text = st.text_input("Folder or hub id", preferred, key="model_path", placeholder="owner/name")
    if not text:
        raise InputError("no model is named", expected="a folder or a hub id")
    return checked_model(text, allowed_roots())


def choose_data(default: str, *, key: str = "data") -> str:
    """A bundled name, a path or hub id, or an upload."""
    names = [*DATASETS, OTHER, UPLOAD]
    name = st.selectbox("Data", names, names.index(default), key=key, help=WORDS["data"])
    if name == OTHER:
        text = st.text_input(
            "Path, glob or hf:owner/name", key=f"{key}_path", placeholder="data/my.jsonl"
        )
        if not text:
            raise InputError("no data is named", expected="a path, a glob or hf:owner/name")
        return checked_data(text, allowed_roots())
    if name == UPLOAD:
        file = st.file_uploader(
            "File", UPLOAD_TYPES, key=f"{key}_file", max_upload_size=MAX_UPLOAD_MB
        )
        if file is None:
            raise InputError("no file is chosen yet", expected=", ".join(UPLOAD_TYPES))
        return str(keep_upload(file.getvalue(), file.name, own_root().resolve() / ".uploads"))
    return str(name)


def choose_parent(stage: str, label: str) -> FoundRun:
    """A finished run to build on."""
    runs = {run.title: run for run in finished_runs(stage)}
    if not runs:
        raise InputError(f"there is no finished run of the stage {stage}", do="run that one first")
    title = st.selectbox(label, list(runs), key=f"parent_{stage}")
    return runs[title or next(iter(runs))]


def model_of(run: FoundRun) -> str:
    """The model that a run was made with, if this app may use it."""
    st.caption(f"Model: {run.model}, that of the run this builds on.")
    return checked_model(run.model, allowed_roots())


def ask_probe() -> list[str]:
    model, data = choose_model(), choose_data("generated")
    left, right = st.columns(2)
    strategy = left.selectbox(
        "Strategy",
        ["highest-loss", "random", "stratified"],
        key="strategy",
        help=WORDS["strategy"],
    )
    n = right.number_input("Samples", 1, 100_000, 100, key="n_probe", help=WORDS["n_probe"])
    trim = left.number_input("Trim the worst, %", 0, 50, 2, key="trim", help=WORDS["trim"])
    by = None
    if strategy == "stratified":
        by = right.text_input("Column to stratify by", key="by") or None
    return [
        "probe",
        "build",
        *flags({"model": model, "data": data, "strategy": strategy, "n": int(n), "by": by}),
        *flags({"trim": trim / 100 if trim else None, "seed": _seed()}),
    ]


def ask_heads() -> list[str]:
    left, right = st.columns(2)
    method = left.selectbox(
        "Method", ["exact", "retrieval"], key="heads_method", help=WORDS["heads_method"]
    )
    fraction = right.number_input(
        "Share of heads in the circuit, %", 1, 100, 5, key="fraction", help=WORDS["circuit"]
    )
    least = left.number_input("At least so many", 1, 100, 3, key="min_heads")
    rank = None
    if method == "exact":
        rank = right.selectbox("Rank by", ["delta", "contrast"], key="rank", help=WORDS["rank_by"])
    probes = {run.title: run for run in finished_runs("probe")} if method == "exact" else {}
    source = st.selectbox("Probe", [*probes, "built from data"], key="probe", help=WORDS["probe"])
    if source in probes:
        model = model_of(probes[source])
        chosen: dict[str, Any] = {"probe": probes[source].folder.resolve()}
    else:
        model = choose_model()
        data = choose_data("text" if method == "retrieval" else "generated")
        chosen = {"data": data, "n": int(right.number_input("Samples", 1, 100_000, 60, key="n"))}
    return [
        "heads",
        "find",
        *flags({"model": model, **chosen, "method": method, "rank": rank}),
        *flags({"fraction": fraction / 100, "min-heads": int(least), "seed": _seed()}),
    ]


def ask_validate() -> list[str]:
    parent = choose_parent("heads", "Circuit")
    model, data = model_of(parent), choose_data("generated")
    left, right = st.columns(2)
    n = left.number_input("Samples", 1, 100_000, 60, key="n_validate")
    random = right.number_input("Random sets", 1, 1_000, 50, key="n_random", help=WORDS["p_loss"])
    control = left.toggle("Also on plain text", True, key="control", help=WORDS["control"])
    return [
        *("heads", "validate"),
        *flags({"model": model, "heads": parent.folder.resolve(), "data": data, "n": int(n)}),
        *flags({"random": int(random), "no-control": not control, "control-n": 30}),
        *flags({"seed": _seed()}),
    ]


def ask_score() -> list[str]:
    left, right = st.columns(2)
    method = left.selectbox("Method", list(SCORERS), key="method", help=WORDS["method"])
    variant = None
    if method == "circuitseer":
        variant = right.selectbox(
            "Variant", ["excess", "paper", "cv2"], key="variant", help=WORDS["variants"]
        )
    if method in NEEDS_HEADS:
        parent = choose_parent("heads", "Circuit")
        model, heads = model_of(parent), parent.folder.resolve()
    else:
        model, heads = choose_model(), None
    data = choose_data("gsm8k")
    left, right = st.columns(2)
    part = left.selectbox(
        "Part", ["the method's own", "prompt", "completion", "all"], key="part", help=WORDS["part"]
    )
    drop_sink = right.toggle("Leave out the sink", key="drop_sink", help=WORDS["sink"])
    with_loss = right.toggle("Also the loss", key="with_loss", help=WORDS["with_loss"])
    return [
        "score",
        *flags({"model": model, "heads": heads, "data": data, "method": method}),
        *flags(
            {"variant": variant, "part": part if part in ("prompt", "completion", "all") else None}
        ),
        *flags({"drop-sink": drop_sink and method == "circuitseer", "with-loss": with_loss}),
        *flags({"seed": _seed()}),
    ]


def ask_demo() -> list[str]:
    st.caption("Six runs and an export on the bundled model and data: minutes on two cores.")
    return ["demo", f"--out={_demo_folder()}"]


def _demo_folder() -> Path:
    """The demo writes a folder `runs` into this one."""
    root = own_root().resolve()
    return root.parent if root.name == "runs" else root


def _seed() -> int:
    return int(st.number_input("Seed", 0, 2**31 - 1, 0, key="run_seed", help=WORDS["seed"]))


STAGES = {
    "demo": Stage("Demo", "The whole chain on what comes along", ask_demo, explains=False),
    "probe": Stage("Probe", "The samples a circuit is looked for on", ask_probe),
    "heads": Stage("Heads", "What each head is worth, and the circuit", ask_heads),
    "validate": Stage("Validate", "The circuit against random heads", ask_validate),
    "score": Stage("Score", "One number for each row of a dataset", ask_score),
}
