"""A saved selection as a dataset folder: prepared aside, looked at, downloaded or put in place.

save_selection(run, options, n_rows=3675)
show_export(run, saved)
"""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import streamlit as st

from apps.jobs.job import COMMAND, find_job, start_job
from apps.reading.exports import FOLDER, RECORD
from apps.reading.roots import below, checked_data
from apps.reading.runs import FoundRun, forget_runs
from apps.reading.texts import cache_folder
from apps.reading.workspace import allowed_roots, own_root
from apps.views.select.preview import title_of
from apps.words.markdown import literal
from workbench.config import digest
from workbench.data import FORMATS
from workbench.errors import WorkbenchError
from workbench.selection import FORMS
from workbench.stages import Place, SelectOptions, run_export, run_select

MAX_DIRECT_ROWS = 100_000
MAX_DOWNLOAD_BYTES = 20_000_000
CARD = "README.md"


def save_selection(run: FoundRun, options: SelectOptions, *, n_rows: int, marks: Path) -> None:
    """Write the selection as a run of its own; a large one is drawn by a job."""
    if n_rows > MAX_DIRECT_ROWS:
        start_job(
            own_root(),
            "select",
            [*COMMAND, *_select_arguments(run, options, marks)],
            title=f"Selection from {run.title}",
            heavy=True,
        )
        st.toast("The selection is being drawn; see the page Run.", icon=":material/schedule:")
        return
    try:
        outcome = run_select(Place(own_root()), run.result, options)
    except WorkbenchError as err:
        st.error(literal(f"Not saved: {err}"))
        return
    forget_runs()
    st.session_state["saved"] = outcome.run.name
    st.toast("Saved.", icon=":material/check:")


def _select_arguments(run: FoundRun, options: SelectOptions, marks: Path) -> list[str]:
    budget = {k: getattr(options, k) for k in ("fraction", "n", "tokens")}
    given = {
        "scores": run.result,
        "policy": options.policy,
        **{name: value for name, value in budget.items() if value is not None},
        "temperature": options.temperature,
        "adjust": options.adjust,
        "group-by": options.group_by,
        "marks": marks if options.keep or options.drop else None,
        "seed": options.seed,
        "runs": own_root().resolve(),
    }
    flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
    return ["select", *flags, "--json"]


def show_export(run: FoundRun, saved: list[FoundRun], *, n_rows: int) -> None:
    """Choose a saved selection and a format; the card stands before anything is written."""
    titles = {title_of(selection): selection for selection in saved}
    newest = next((t for t, s in titles.items() if s.name == st.session_state.get("saved")), None)
    index = list(titles).index(newest) if newest else 0
    title = st.selectbox("Saved selection", list(titles), index, key=f"saved-{len(titles)}")
    selection = titles[title or next(iter(titles))]
    left, middle, right = st.columns(3)
    fmt = left.selectbox("Format", list(FORMATS), key="format", bind="query-params") or "jsonl"
    form = middle.selectbox("As", list(FORMS), key="form", bind="query-params") or FORMS[0]
    name = right.text_input("Name", f"{selection.stage[7:]}-{selection.name[-8:]}", key="folder")
    try:
        target = below(own_root().resolve().parent / FOLDER, name)
        for source in run.data:
            checked_data(source, allowed_roots())
        folder = _prepared(run, selection, name, fmt, form, n_rows=n_rows)
    except (WorkbenchError, OSError) as err:
        st.error(literal(f"This cannot be exported: {err}"))
        return
    if folder is not None:
        _show_prepared(folder, target)


def _prepared(
    run: FoundRun, selection: FoundRun, name: str, fmt: str, form: str, *, n_rows: int
) -> Path | None:
    """The finished export in the cache; a large one is written by a job, which a button starts."""
    key = f"export-{digest([selection.name, name, fmt, form])[:12]}"
    folder = cache_folder().resolve() / key / name
    if (folder / RECORD).is_file():
        return folder
    if n_rows <= MAX_DIRECT_ROWS:
        with st.spinner("Preparing"):
            place = Place(run.folder.parent)
            run_export(place, selection.result, folder, format=fmt, form=form)
        return folder
    job = find_job(own_root(), key)
    if job is not None and job.is_active:
        st.info("The export is being prepared; see the page Run.", icon=":material/schedule:")
    elif st.button(f"Prepare the export from {n_rows:,} rows"):
        flags = {"selection": selection.result, "out": folder, "format": fmt, "as": form}
        flags["runs"] = run.folder.parent.resolve()
        argv = [*COMMAND, "export", *(f"--{k}={v}" for k, v in flags.items()), "--json"]
        start_job(own_root(), "export", argv, title=f"Export {name}", heavy=True, key=key)
        st.rerun()
    return None


def _show_prepared(folder: Path, target: Path) -> None:
    data = next(path for path in folder.iterdir() if path.stem == "data")
    size = data.stat().st_size
    with st.expander("The dataset card as it will be written", icon=":material/description:"):
        st.code((folder / CARD).read_text(encoding="utf-8"), language="markdown", wrap_lines=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        if size <= MAX_DOWNLOAD_BYTES:
            st.download_button(
                f"Download {data.name}",
                data=data.read_bytes,
                file_name=f"{folder.name}-{data.name}",
                icon=":material/download:",
                on_click="ignore",
                type="primary",
            )
            st.download_button(
                "Download the whole folder",
                data=lambda: _zipped(folder),
                file_name=f"{folder.name}.zip",
                icon=":material/folder_zip:",
                on_click="ignore",
            )
        if st.button("Write the folder", icon=":material/save:"):
            _write(folder, target)
        st.caption(f"{size / 1e6:.1f} MB; the folder goes to {literal(target)}")
    if size > MAX_DOWNLOAD_BYTES:
        st.caption(
            "The data is too large for the browser: write the folder and take it from there."
        )


def _write(folder: Path, target: Path) -> None:
    """Copy the prepared folder into place; it appears whole, and replaces nothing."""
    if target.exists():
        st.error(literal(f"{target} exists already: choose another name."))
        return
    building = target.with_name(f".{target.name}.tmp")
    try:
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(folder, building)
        building.rename(target)
    except OSError as err:
        st.error(literal(f"{target} cannot be written: {err.strerror}"))
        return
    st.success(literal(f"Written to {target}"), icon=":material/check:")


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return buffer.getvalue()
