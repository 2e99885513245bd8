"""What the forms of the Run page ask alike: a model, data, a run to build on.

flags({"model": choose_model(), **choose_data("gsm8k")})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from apps.jobs.form import Face, form
from apps.reading.roots import MAX_UPLOAD_MB, checked_data, checked_model, keep_upload
from apps.reading.runs import FoundRun
from apps.reading.workspace import allowed_roots, own_root
from apps.widgets.addressed import choose_addressed
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.bundled import DATASETS
from workbench.catalog import here
from workbench.data import SUFFIXES
from workbench.errors import InputError
from workbench.options import ReadOptions

OTHER_FOLDER = "another folder"
OTHER, UPLOAD = "a path or a hub id", "a file from this computer"
KEPT: dict[str, Any] = {"persist_state": "session"}
READ = {"generation": Face("Of several generations", unset="the first")}
SEED = {"seed": Face("Seed", WORDS["seed"], key="run_seed")}
UPLOAD_TYPES = sorted({suffix.rpartition(".")[2] for suffix in SUFFIXES})
COLUMNS = (
    "prompt_column",
    "completion_column",
    "system_column",
    "text_column",
    "text_lines",
    "generation",
    "shape",
)
# How a model is loaded unless told otherwise; what differs is passed on to what builds on a run.
USUAL = {"dtype": "float32", "template": "auto", "quantize": None}


def flags(values: Mapping[str, Any]) -> list[str]:
    """`--name=value` for what is given: one word each, so that no value is taken for an option."""
    words = []
    for name, value in values.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False:
            words.append(f"--{name}={value}")
    return words


def choose_model() -> str:
    """A bundled model, or another one below the allowed roots or of the hub."""
    names = [*here(), OTHER]
    name = st.selectbox("Model", names, key="model", persist_state="session", help=WORDS["model"])
    if name != OTHER:
        return str(name)
    text = st.text_input(
        "Folder or hub id", key="model_path", persist_state="session", placeholder="owner/name"
    )
    if not text:
        raise InputError("no model is named", expected="a folder or a hub id")
    return checked_model(text, allowed_roots())


def choose_data(default: str) -> dict[str, Any]:
    """Data, and for data of one's own its columns, as values for `flags`."""
    name = _choose_source(default)
    if name in DATASETS:
        return {"data": name}
    with st.expander("Which column is what (recognised where nothing is named)"):
        answers = form(ReadOptions, keep="read", only=COLUMNS, faces=READ)
    return {"data": name} | {column.replace("_", "-"): answers[column] for column in COLUMNS}


def _choose_source(default: str) -> str:
    """A bundled name, a path or hub id, or an upload."""
    names = [*DATASETS, OTHER, UPLOAD]
    name = st.selectbox(
        "Data",
        names,
        names.index(default),
        key="data",
        persist_state="session",
        help=WORDS["data"],
    )
    if name == OTHER:
        text = st.text_input(
            "Path, folder, glob or hf:owner/name",
            key="data_path",
            persist_state="session",
            placeholder="data/my.jsonl",
        )
        if not text:
            raise InputError("no data is named", expected="a path, a glob or hf:owner/name")
        return checked_data(text, allowed_roots())
    if name == UPLOAD:
        file = st.file_uploader(
            "File", UPLOAD_TYPES, key="data_file", max_upload_size=MAX_UPLOAD_MB
        )
        if file is None:
            raise InputError("no file is chosen yet", expected=", ".join(UPLOAD_TYPES))
        return str(keep_upload(file.getvalue(), file.name, own_root().resolve() / ".uploads"))
    return str(name)


def choose_parent(stage: str, label: str, *, only: str = "") -> FoundRun:
    """A finished run to build on; `only` narrows to one full stage, such as `amplify-mask`."""
    found = [run for run in workspace().finished(stage) if only in ("", run.stage)]
    runs = {run.title: run for run in found}
    if not runs:
        wanted = (only or stage).replace("-", " ")
        raise InputError(f"there is no finished run of the stage {wanted}", do="run that one first")
    return runs[choose_addressed(label, list(runs), key=f"parent_{only or stage}")]


def model_of(run: FoundRun) -> dict[str, Any]:
    """The model that a run was made with, if this app may use it, loaded as it was then."""
    how = run.manifest["inputs"].get("model") or {}
    special = {k: how[k] for k, usual in USUAL.items() if how.get(k, usual) != usual}
    note = "".join(f", {name} {value}" for name, value in special.items())
    st.caption(literal(f"Model: {run.model}{note}, that of the run this builds on."))
    return {"model": checked_model(run.model, allowed_roots()), **special}
