"""A selection as a dataset folder: data, dataset card, provenance, and files for trainers.

summary = export_selection(samples, selection, out, format="messages", provenance={}, name="sums")
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.config import canonical_json, file_digest
from workbench.data import FORMATS, Written, json_bytes, write_jsonl, write_parquet
from workbench.errors import InputError
from workbench.selection.card import Contents, dataset_card
from workbench.selection.folder import new_folder
from workbench.selection.layout import CallsLayout, Layout, one_layout
from workbench.selection.rows import ScoreOf, Tally, marked_rows, marks_of
from workbench.selection.spoken import MESSAGES, learned
from workbench.selection.trainers import is_misread, trainer_files
from workbench.types import BadRow, Sample

RECORD = "provenance.json"
PROMPT_ONLY = "prompt-only.jsonl"
TRAINERS = "trainers"
FORMS = ("subset", "repeat-weight")
# Formats that hold rows as they are, also those that no trainer learns an answer from.
AS_THEY_ARE = ("jsonl", "parquet")


def export_selection(
    samples: Iterable[Sample | BadRow],
    selection: pd.DataFrame,
    out: Path,
    *,
    format: str = "jsonl",
    form: str = "subset",
    provenance: Mapping[str, Any],
    name: str,
    scores: Mapping[str, float] | ScoreOf | None = None,
    file_type: str | None = None,
    turns: str = "last",
    license: str = "unknown",
    language: str | None = None,
) -> dict[str, Any]:
    """Write the selected of `samples`, in their order, as a dataset folder `out`.

    With the form `repeat-weight` every readable row is written, with a column `_repeat`: 2 for the
    selected, 1 for all others, whose `_score` is looked up in `scores` (AttentionInfluence, arXiv
    2505.07293, trains on the corpus with the selected part on top).

    Rows without a completion stand in `prompt-only.jsonl`, in every format; if no row has one,
    jsonl and parquet hold the prompts, and other formats are refused. `file_type` is jsonl or
    parquet where it is not what the format says; `license` and `language` go to the card. The files
    for trainers learn the last answer of a conversation, or with `turns` all of them.

    `selection` has the columns of `selection.parquet`; `provenance` must be JSON-able, and with
    equal arguments every byte is equal. Returns `out`, `format`, `as`, `data_file`, `counts`,
    `files` (path -> sha256) and `json_columns` (Parquet columns that had to become JSON text).
    Raises `InputError` if a selected row is not among the samples or `out` holds foreign files.
    """
    if format not in FORMATS:
        raise InputError(f"format is '{format}'", expected=f"one of {', '.join(FORMATS)}")
    if form not in FORMS:
        raise InputError(f"the form is '{form}'", expected=f"one of {', '.join(FORMS)}")
    marks, repeats = marks_of(selection), form == "repeat-weight"
    data_file = f"data.{file_type or ('parquet' if format == 'parquet' else 'jsonl')}"
    tally = Tally()
    with new_folder(out, record=RECORD) as folder:
        others = (scores or {}) if repeats else None
        (folder / TRAINERS).mkdir()
        with (
            (folder / PROMPT_ONLY).open("wb") as aside,
            (folder / TRAINERS / MESSAGES).open("wb") as spoken,
        ):
            rows = marked_rows(
                *(samples, marks, format, tally),
                others=others,
                put_aside=lambda row: aside.write(json_bytes(row) + b"\n"),
                write_turns=lambda sample, repeat: spoken.write(
                    json_bytes(learned(sample, turns) | repeat) + b"\n"
                ),
            )
            written = _write_data(folder / data_file, rows)
        prompts_alone = not written.n_rows
        if prompts_alone:
            written = _prompts_alone(folder, data_file, format)
        elif not tally.n_prompt_only:
            (folder / PROMPT_ONLY).unlink()
        layout = _single_layout(tally.layouts, written)
        contents = Contents(
            name=name,
            data_file=data_file,
            format=format,
            n_input=tally.n_input,
            n_selected=len(marks),
            sources={s: (n, tally.after.get(s, 0)) for s, n in tally.before.items()},
            has_trainers=layout is not None,
            has_calls=isinstance(layout, CallsLayout),
            turns=turns,
            repeats=repeats,
            n_aside=0 if prompts_alone else tally.n_prompt_only,
            prompts_alone=prompts_alone,
            license=license,
            language=language,
        )
        (folder / "README.md").write_text(dataset_card(contents, provenance), encoding="utf-8")
        is_chat = provenance.get("template") == "chat"
        _write_trainers(folder, contents, layout, is_chat=is_chat, several=tally.n_several > 0)
        counts = {"input": tally.n_input, "bad": tally.n_bad, "selected": len(marks)}
        if tally.n_prompt_only:
            counts["prompt_only"] = tally.n_prompt_only
        if repeats:
            counts["written"] = written.n_rows
        files = _digests(folder)
        record = {**provenance, "name": name, "format": format, "as": form, "turns": turns}
        record |= {"counts": counts, "files": files}
        (folder / RECORD).write_text(_pretty(record), encoding="utf-8")
    return {
        "out": str(out),
        "format": format,
        "as": form,
        "data_file": data_file,
        "counts": counts,
        "files": files,
        "json_columns": list(written.json_columns),
    }


def _prompts_alone(folder: Path, data_file: str, fmt: str) -> Written:
    """The rows put aside as the data, where there are no others and the format allows it."""
    if fmt not in AS_THEY_ARE:
        raise InputError(
            f"none of the selected rows has a completion, which '{fmt}' is to be learned from",
            expected="rows with an answer",
            do="export as jsonl or parquet, or select from data with answers",
        )
    aside = folder / PROMPT_ONLY
    with aside.open(encoding="utf-8") as lines:
        written = _write_data(folder / data_file, map(json.loads, lines))
    aside.unlink()
    return written


def _write_data(path: Path, rows: Iterator[dict[str, Any]]) -> Written:
    return write_parquet(path, rows) if path.suffix == ".parquet" else write_jsonl(path, rows)


def _single_layout(layouts: set[Layout | None], written: Written) -> Layout | None:
    """The layout of all rows; None if there are several or a column of it became JSON text."""
    layout = one_layout(layouts) if layouts else None
    if layout is None:
        return None
    is_plain = set(vars(layout).values()).isdisjoint(written.json_columns)
    return layout if is_plain else None


def _write_trainers(
    folder: Path, contents: Contents, layout: Layout | None, *, is_chat: bool, several: bool
) -> None:
    """The folder for trainers, or none where the rows have no single layout.

    Where axolotl would misread the rows, it is given their turns in a file of their own.
    """
    place = folder / TRAINERS
    if layout is None:
        shutil.rmtree(place)
        return
    wants_turns = is_misread(layout, is_chat=is_chat, several=several and contents.turns == "last")
    if not wants_turns:
        (place / MESSAGES).unlink()
    texts = trainer_files(
        layout,
        data_file=contents.data_file,
        name=contents.name,
        repeats=contents.repeats,
        turns=contents.turns,
        messages=wants_turns,
    )
    for file_name, text in texts.items():
        (place / file_name).write_text(text, encoding="utf-8")


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def _pretty(value: Any) -> str:
    plain = json.loads(canonical_json(value))
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
