"""What is tuned on: the rows of an export folder, each under the id it was scored by.

export = read_export(Path("subset"))
export.rows(), export.fingerprint
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import file_digest
from workbench.data import FORMATS, Tally, read_samples
from workbench.errors import InputError
from workbench.options import ReadOptions
from workbench.types import BadRow, Sample

RECORD = "provenance.json"
DATA_FILES = ("data.jsonl", "data.parquet")
ROW_ID = "_row_id"
DO = "point --export at the folder that `workbench export` wrote, or export again"


@dataclass(frozen=True)
class Export:
    """An export folder whose files are what its record says they are; rows are read later."""

    data_file: Path
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.record["name"])

    @property
    def fingerprint(self) -> dict[str, str]:
        """What the rows and the card are made from."""
        return {
            "data_sha256": self.record["files"][self.data_file.name],
            "provenance_sha256": file_digest(self.data_file.with_name(RECORD)),
        }

    def rows(self, tally: Tally | None = None) -> list[Sample | BadRow]:
        """Every row; a sample's `row_id` is the id under which it was scored."""
        rows = list(read_samples([str(self.data_file)], self._how(), tally=tally))
        return [_under_its_score_id(row) if isinstance(row, Sample) else row for row in rows]

    def _how(self) -> ReadOptions:
        """The shape the export was written in; jsonl and parquet are read as the scored rows."""
        if self.record["format"] not in ("jsonl", "parquet"):
            return ReadOptions(shape=self.record["format"])
        stages = self.record.get("stages") or {}
        return ReadOptions.of(stages.get("score", {}).get("config", {}))


def read_export(folder: Path) -> Export:
    """The export in `folder`; InputError with what is wrong if it is none, or no longer whole."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"the export '{folder}' {what}", expected="a folder", do=DO)
    record = _record(folder)
    data_file = next((folder / n for n in DATA_FILES if n in record["files"]), None)
    if data_file is None or not data_file.is_file():
        raise InputError(
            f"the folder '{folder}' has no data file", expected=" or ".join(DATA_FILES), do=DO
        )
    if file_digest(data_file) != record["files"][data_file.name]:
        raise InputError(
            f"'{data_file}' is not the file that was exported (its sha256 is another)",
            expected=f"the bytes that {RECORD} records",
            do="export again, or tune on an export of the changed rows",
        )
    return Export(data_file, record)


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    if not path.is_file():
        raise InputError(f"the folder '{folder}' has no {RECORD}", expected="an export", do=DO)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(f"'{path}' cannot be read ({err})", expected="JSON", do=DO) from err
    whole = (
        isinstance(record, dict)
        and isinstance(record.get("name"), str)
        and record.get("format") in FORMATS
        and isinstance(record.get("files"), dict)
    )
    if not whole:
        raise InputError(
            f"'{path}' is no record of an export", expected="name, format and files", do=DO
        )
    return record


def _under_its_score_id(sample: Sample) -> Sample:
    row_id = sample.row.get(ROW_ID)
    if not isinstance(row_id, str):
        raise InputError(
            f"row {sample.row_index + 1} of the export has {row_id!r} as {ROW_ID}",
            expected="the row's id as text",
            do=DO,
        )
    return dataclasses.replace(sample, row_id=row_id)
