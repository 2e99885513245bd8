"""An export folder is read in every format it may have, and refused when it is not whole."""

from __future__ import annotations

import json

import pytest

from tests.tuning.exports import ROWS, write_export
from workbench.config import file_digest
from workbench.data import FORMATS
from workbench.errors import InputError
from workbench.tuning import make_examples, read_export


def rewrite(folder, old, new):
    """Change the data as its exporter would have written it: the record's digest fits."""
    data, record = folder / "data.jsonl", folder / "provenance.json"
    content = data.read_text(encoding="utf-8")
    assert old in content
    data.write_text(content.replace(old, new), encoding="utf-8")
    facts = json.loads(record.read_text(encoding="utf-8"))
    facts["files"]["data.jsonl"] = file_digest(data)
    record.write_text(json.dumps(facts), encoding="utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_the_same_examples(format, tmp_path, tiny_model):
    export = read_export(write_export(tmp_path / "subset", format=format))
    examples = make_examples(export.rows(), tiny_model.tokenizer, n_ctx=96)
    assert [example.row_id for example in examples.rows] == [row["id"] for row in ROWS]
    targets = [
        tiny_model.tokenizer.decode(
            [t for t, is_one in zip(e.ids, e.is_target, strict=True) if is_one]
        )
        for e in examples.rows
    ]
    assert targets == [row["solution"] + "\n" for row in ROWS]


def test_rows_go_by_the_id_they_were_scored_under(tmp_path):
    rows = [{**row, "id": "same"} for row in ROWS[:1]]
    folder = write_export(tmp_path / "subset", rows=rows)
    rewrite(folder, '"_row_id": "same"', '"_row_id": "same#7"')
    assert [row.row_id for row in read_export(folder).rows()] == ["same#7"]


def test_the_fingerprint_is_that_of_the_files(tmp_path):
    one = read_export(write_export(tmp_path / "a"))
    assert one.fingerprint == read_export(write_export(tmp_path / "b" / "a")).fingerprint
    assert one.fingerprint != read_export(write_export(tmp_path / "c", rows=ROWS[:3])).fingerprint


def broken(folder, name):
    record = folder / "provenance.json"
    if name == "no folder":
        return folder.with_name("nowhere"), r"nowhere' does not exist, expected a folder"
    if name == "a file":
        return record, r"provenance.json' is a file, expected a folder"
    if name == "no record":
        record.unlink()
        return folder, r"has no provenance.json, expected an export; point --export at"
    if name == "no JSON":
        record.write_text('{"name": ')
        return folder, r"provenance.json' cannot be read .*expected JSON"
    if name == "another record":
        record.write_text('{"name": "x"}')
        return folder, "is no record of an export, expected name, format and files"
    if name == "no data":
        (folder / "data.jsonl").unlink()
        return folder, r"has no data file, expected data.jsonl or data.parquet"
    with (folder / "data.jsonl").open("a") as file:
        file.write('{"problem": "more", "solution": "rows"}\n')
    return folder, r"data.jsonl' is not the file that was exported"


@pytest.mark.parametrize(
    "name",
    ["no folder", "a file", "no record", "no JSON", "another record", "no data", "other data"],
)
def test_a_folder_that_is_not_a_whole_export_is_refused(name, tmp_path):
    folder, words = broken(write_export(tmp_path / "subset"), name)
    with pytest.raises(InputError, match=words):
        read_export(folder)


def test_a_row_without_its_id_is_refused(tmp_path):
    folder = write_export(tmp_path / "subset")
    rewrite(folder, '"_row_id": "sum-3"', '"_row_id": null')
    with pytest.raises(InputError, match=r"row 4 of the export has None as _row_id"):
        read_export(folder).rows()
