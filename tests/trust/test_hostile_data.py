"""Rows with every defect, files of every kind and paths of every oddity: counted, or refused."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hostile_rows import OK, row, write_hostile

KINDS = ("rows.jsonl", "rows.json", "rows.csv", "rows.parquet", "rows.jsonl.gz")
LINE = json.dumps(row(1)) + "\n"


@pytest.fixture
def score(workbench, checkpoint, tmp_path):
    def call(data, *more):
        model = ("--model", checkpoint("llama"), "--device", "cpu", "--method", "length")
        return workbench("score", *model, "--runs", tmp_path / "runs", "--data", data, *more)

    return call


def check_rows(score, workbench, tmp_path, name, n_rows, forms):
    data, expected = write_hostile(tmp_path / name, n_rows)
    done = score(data, "--json")
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    found = json.loads(done.out)
    assert found["summary"]["counts"] == expected
    table = pq.read_table(found["result"]).to_pandas()
    assert len(table) == n_rows
    assert table.loc[table["status"] != OK, "reason"].str.len().gt(5).all()
    assert table["row_id"].is_unique
    select = ("select", "--scores", found["run"], "--policy", "top", "--fraction", "1")
    runs = ("--runs", tmp_path / "runs", "--json")
    chosen = json.loads(workbench(*select, *runs).out)
    for form in forms:
        out = tmp_path / form
        export = ("export", "--selection", chosen["run"], "--out", out, "--format", form)
        done = workbench(*export, *runs)
        assert done.code == 0, done.err
        counts = json.loads(done.out)["counts"]
        assert counts["input"] == n_rows
        assert counts["selected"] == expected[OK]


@pytest.mark.parametrize("name", KINDS)
def test_hostile_rows_are_counted_and_the_others_go_on(score, workbench, tmp_path, name):
    check_rows(score, workbench, tmp_path, name, 90, ("jsonl", "parquet"))


@pytest.mark.thorough
@pytest.mark.parametrize("name", KINDS)
def test_two_thousand_hostile_rows_are_counted(score, workbench, tmp_path, name):
    check_rows(score, workbench, tmp_path, name, 2000, ("jsonl",))


def refused(done, *words):
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    said = done.err[done.err.index("Error: ") :]
    for word in words:
        assert word in said


ODD_NAMES = (
    "with space",
    "with 'one' and \"two\"",
    "new\nline",
    "tab\there",
    "-leading",
    "--data=x",
    "$(touch pwned)",
    "`id`;&|",
    "نص",
    "数据",
    "ﬀ\u202e\u2028",
    "%00%2e%2e",
    "[a]*?",
    "~",
    "hf:",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_with_an_odd_name_is_read_as_any_other(score, tmp_path, name):
    path = tmp_path / f"{name}.jsonl"
    path.write_text(LINE)
    done = score(path, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["summary"]["counts"] == {"ok": 1}


def test_what_is_no_file_of_rows_is_refused_at_once(score, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.jsonl").symlink_to("/dev/zero")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.jsonl").mkdir()
    for name in ("pipe", "device"):
        refused(score(tmp_path / f"{name}.jsonl"), "is no regular file", "not a pipe or a device")
    for name in ("loop", "gone"):
        refused(score(tmp_path / f"{name}.jsonl"), "no data at")
    refused(score(tmp_path / "folder.jsonl"), "holds no data")
    refused(score("/dev/null"), "is no regular file")
    refused(score("x" * 300 + ".jsonl"), "is no path of data (File name too long)")
    refused(score("~nobody-of-that-name/x.jsonl"), "is no path of data")
    refused(score(""), "is no path of data (it is empty)")


def test_a_file_that_may_not_be_read_is_refused(score, tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    path.write_text(LINE)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(score(path), "Permission denied")


def test_a_name_that_is_not_unicode_is_refused(score, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.jsonl"
    with open(path, "w") as file:  # noqa: PTH123 - a name in bytes
        file.write(LINE)
    refused(score(os.fsdecode(path)), "is not UTF-8", "rename the file")
    refused(score(tmp_path), "is not UTF-8", "rename the file")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"problem,\xff\n1?,2\n", "the names of its columns, is not UTF-8"),
        ("a.csv", b'problem,solution\n1?,2\n"open,3\n', "is not sound CSV"),
        ("a.jsonl", LINE.encode("utf-16"), "it is UTF-16"),
        ("a.json", b"[" * 100_000, "it is not valid JSON"),
        ("a.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1", "not a sound Parquet file"),
    ],
)
def test_a_file_that_is_broken_as_a_whole_is_refused(score, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(score(tmp_path / name), words)


def test_a_table_that_names_a_column_twice_is_refused(score, tmp_path):
    columns = [pa.array(["1?"]), pa.array(["2"]), pa.array(["other?"])]
    table = pa.Table.from_arrays(columns, names=["problem", "solution", "problem"])
    pq.write_table(table, tmp_path / "twice.parquet")
    refused(score(tmp_path / "twice.parquet"), "two of its columns have the same name")
    with pa.ipc.new_stream(str(tmp_path / "twice.arrow"), table.schema) as stream:
        stream.write_table(table)
    refused(score(tmp_path / "twice.arrow"), "two of its columns have the same name")
