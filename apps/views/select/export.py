"""A saved selection as a dataset folder: looked at, downloaded or put in place.

save_selection(DrawnFrom(run), options, n_rows=3675, marks=marks_path(run))
show_export(run, saved, n_rows=3675, previewed=frozenset(ids))
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from apps.jobs.form import Face, flags_of, form
from apps.jobs.job import COMMAND, start_job
from apps.reading.exports import FOLDER
from apps.reading.files import load
from apps.reading.roots import below, checked_data
from apps.reading.runs import FoundRun, forget_runs
from apps.reading.workspace import allowed_roots, own_root
from apps.views.select.pool import DrawnFrom
from apps.views.select.preview import row_ids_in, title_of
from apps.words.markdown import literal
from workbench.data import FORMATS
from workbench.errors import WorkbenchError
from workbench.options import CombineOptions, ExportOptions
from workbench.selection import FORMS
from workbench.stages import Place, SelectOptions, run_export, run_select

MAX_DIRECT_ROWS = 100_000
# Texts take a quarter of a millisecond each to compare.
MAX_COMPARED_ROWS = 20_000
MORE = ("file_type", "turns", "license", "language")
FACES = {
    "file_type": Face("File", unset="as the format says"),
    "license": Face("Licence"),
}
CARD = "README.md"


def save_selection(
    drawn_from: DrawnFrom, options: SelectOptions, *, n_rows: int, marks: Path
) -> None:
    """Write the selection as a run of its own; a large one is drawn by a job."""
    most = MAX_DIRECT_ROWS if options.near_duplicates is None else MAX_COMPARED_ROWS
    if n_rows > most:
        start_job(
            own_root(),
            "select",
            [*COMMAND, *select_arguments(drawn_from, options, marks)],
            title=f"Selection from {drawn_from.run.title}",
            heavy=True,
        )
        st.toast("The selection is being drawn; see the page Run.", icon=":material/schedule:")
        return
    try:
        outcome = run_select(Place(own_root()), drawn_from.paths, options, combine=drawn_from.how)
    except WorkbenchError as err:
        st.error(literal(f"Not saved: {err}"))
        return
    forget_runs()
    st.session_state["saved"] = outcome.run.name
    st.toast("Saved.", icon=":material/check:")


def select_arguments(drawn_from: DrawnFrom, options: SelectOptions, marks: Path) -> list[str]:
    """The words of the command that draws the same."""
    scores = [f"--scores={path}" for path in drawn_from.paths]
    combine = flags_of(CombineOptions, {"combine": drawn_from.how} if drawn_from.others else {})
    by_hand = [f"--marks={marks}"] * bool(options.keep or options.drop)
    flags = [*scores, *combine, *flags_of(SelectOptions, vars(options)), *by_hand]
    return ["select", *flags, f"--runs={own_root().resolve()}", "--json"]


def show_export(
    run: FoundRun, saved: list[FoundRun], *, n_rows: int, previewed: frozenset[str]
) -> None:
    """Choose a saved selection and a format; nothing is written before the reader says so.

    `previewed` are the rows of the preview, which may be another selection.
    """
    titles = {title_of(selection): selection for selection in saved}
    newest = st.session_state.pop("saved", None)
    for title, selection in titles.items():
        if selection.name == newest:
            st.session_state["saved_selection"] = title
    if st.session_state.get("saved_selection") not in titles:
        st.session_state["saved_selection"] = next(iter(titles))
    selection = titles[st.selectbox("Saved selection", list(titles), key="saved_selection")]
    is_same = load(row_ids_in, selection.result) == previewed
    st.caption(
        "This saved selection is exported; it has the rows of the preview above."
        if is_same
        else "This saved selection is exported, not the preview above: *Save this selection* adds "
        "that one to the list."
    )
    left, middle, right = st.columns(3)
    fmt = left.selectbox("Format", list(FORMATS), key="format", bind="query-params") or "jsonl"
    form_ = middle.selectbox("As", list(FORMS), key="form", bind="query-params") or FORMS[0]
    # Under a key of its own for each selection: a name that was typed is meant for that one.
    default, key = f"{selection.stage[7:]}-{selection.name[-8:]}", f"folder-{selection.name}"
    name = right.text_input("Name", default, key=key)
    try:
        more = _asked_more()
        options = ExportOptions(format=fmt, form=form_, **more)
        target = below(own_root().resolve().parent / FOLDER, name)
        for source in run.data:
            checked_data(source, allowed_roots())
    except (WorkbenchError, OSError) as err:
        st.error(literal(f"This cannot be exported: {err}"))
        return
    export = Export(run, selection, name, options)
    if n_rows <= MAX_DIRECT_ROWS:
        _show_card(export)
    _show_buttons(export, target, n_rows=n_rows)


def _asked_more() -> dict[str, Any]:
    """Options that are rarely asked for, folded away."""
    with st.expander("File, turns, licence and language"):
        return form(ExportOptions, keep="export", only=MORE, faces=FACES)


@dataclass(frozen=True)
class Export:
    """What is to be exported, as what, under which name."""

    run: FoundRun
    selection: FoundRun
    name: str
    options: ExportOptions

    @property
    def data_name(self) -> str:
        kind = self.options.file_type or self.options.format
        return "data.parquet" if kind == "parquet" else "data.jsonl"

    def write(self, out: Path) -> None:
        """The folder, whole; it replaces nothing."""
        place = Place(self.run.folder.parent)
        run_export(place, self.selection.result, out, **vars(self.options))

    def bytes_of(self, pack: Callable[[Path], bytes]) -> bytes:
        """What `pack` makes of the folder, which is written aside for as long as that takes."""
        with tempfile.TemporaryDirectory() as aside:
            self.write(Path(aside) / self.name)
            return pack(Path(aside) / self.name)


def _show_card(export: Export) -> None:
    if not st.toggle("Show the dataset card", key="card", bind="query-params"):
        return
    try:
        text = _card(export.selection.name, export.name, str(export.options), export)
    except (WorkbenchError, OSError) as err:
        st.error(literal(f"This cannot be exported: {err}"))
        return
    st.code(text, language="markdown", wrap_lines=True)


@st.cache_data(max_entries=8, show_spinner="Writing the card")
def _card(selection: str, name: str, options: str, _export: Export) -> str:
    return _export.bytes_of(lambda folder: (folder / CARD).read_bytes()).decode()


def _show_buttons(export: Export, target: Path, *, n_rows: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if n_rows <= MAX_DIRECT_ROWS:
            st.download_button(
                f"Download {export.data_name}",
                data=lambda: export.bytes_of(
                    lambda folder: (folder / export.data_name).read_bytes()
                ),
                file_name=f"{export.name}-{export.data_name}",
                icon=":material/download:",
                on_click="ignore",
                type="primary",
            )
            st.download_button(
                "Download the whole folder",
                data=lambda: export.bytes_of(_zipped),
                file_name=f"{export.name}.zip",
                icon=":material/folder_zip:",
                on_click="ignore",
            )
        if st.button("Write the folder", icon=":material/save:"):
            _write(export, target, is_large=n_rows > MAX_DIRECT_ROWS)
        st.caption(f"The folder goes to {literal(target)}")
    if n_rows > MAX_DIRECT_ROWS:
        st.caption("Too much for the browser: the folder is written by a job; see the page Run.")


def _write(export: Export, target: Path, *, is_large: bool) -> None:
    """Into place, at once or by a job; it appears whole, and replaces nothing."""
    if target.exists():
        st.error(literal(f"{target} exists already: choose another name."))
        return
    if is_large:
        runs = export.run.folder.parent.resolve()
        flags = {"selection": export.selection.result, "out": target, "runs": runs}
        words = [f"--{name}={value}" for name, value in flags.items()]
        words += flags_of(ExportOptions, vars(export.options))
        argv = [*COMMAND, "export", *words, "--json"]
        start_job(own_root(), "export", argv, title=f"Export {export.name}", heavy=True)
        st.toast("The folder is being written; see the page Run.", icon=":material/schedule:")
        return
    try:
        export.write(target)
    except (WorkbenchError, OSError) as err:
        st.error(literal(f"{target} cannot be written: {err}"))
        return
    st.success(literal(f"Written to {target}"), icon=":material/check:")


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return buffer.getvalue()
