"""Results that others made, with whatever their fields and columns may hold: read or refused."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import InputError

VALUES = (None, True, -1, 10**30, float("nan"), float("inf"), "x", "../../etc", [], [[1]], {"a": 1})


def places(content, so_far=()):
    """Every field, of a list the first two."""
    yield so_far
    if isinstance(content, dict):
        for key in content:
            yield from places(content[key], (*so_far, key))
    elif isinstance(content, list):
        for number in range(min(2, len(content))):
            yield from places(content[number], (*so_far, number))


def changed(content, place, value):
    if not place:
        return value
    content = copy.deepcopy(content)
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return content


def ended_well(done) -> None:
    assert done.code in (0, 2), done.err
    assert "Failed" not in done.err
    assert "Traceback" not in done.err


def check_fields(workbench, path: Path, requests, every: int) -> int:
    """Every field in turn with a value of another kind; returns how many were refused."""
    content = json.loads(path.read_text())
    content.pop("seal", None)
    pairs = [(place, value) for place in places(content) for value in VALUES]
    refused = 0
    for place, value in pairs[::every]:
        path.write_text(json.dumps(changed(content, place, value)))
        for request in requests:
            done = workbench(*request)
            ended_well(done)
            refused += done.code == 2
    for text in ("", "5", "{}", "[" * 100_000, '{"schema": 1, "he'):
        path.write_text(text)
        for request in requests:
            ended_well(workbench(*request))
    return refused


def of_heads(workbench, made, tmp_path, every):
    path = tmp_path / "heads.json"
    shutil.copy(made["runs"] / made["heads"] / "heads.json", path)
    requests = [("heads", "show", path), ("heads", "compare", path, path)]
    assert check_fields(workbench, path, requests, every) > 5


def of_manifest(workbench, made, tmp_path, every):
    runs = shutil.copytree(made["runs"], tmp_path / "runs")
    name = made["scores"]
    requests = [
        ("runs", "list", "--runs", runs),
        ("runs", "show", name, "--runs", runs),
        ("runs", "path", name, "--runs", runs),
        ("select", "--scores", name, "--runs", runs, "--policy", "top", "--n", "2", "--json"),
        ("export", "--selection", made["selection"], "--runs", runs, "--out", tmp_path / "out"),
    ]
    assert check_fields(workbench, runs / name / "manifest.json", requests, every)


@pytest.mark.parametrize(("of", "every"), [(of_heads, 53), (of_manifest, 307)])
def test_results_of_others_are_read_or_refused(workbench, made, tmp_path, of, every):
    of(workbench, made, tmp_path, every)


@pytest.mark.thorough
@pytest.mark.parametrize(("of", "every"), [(of_heads, 2), (of_manifest, 29)])
def test_every_field_of_results_of_others_is_read_or_refused(
    workbench,
    made,
    tmp_path,
    of,
    every,
):
    of(workbench, made, tmp_path, every)


CELLS = (None, "x", 10**12, -5, 1e308, float("nan"), float("inf"), b"\xff", [1], {"a": 1}, True)


def tables(path: Path):
    """The table without each column, and with each column of another kind."""
    table = pq.read_table(path)
    yield table.slice(0, 0)
    yield pa.Table.from_arrays(
        [*table.columns, table.column(0)], names=[*table.column_names, table.column_names[0]]
    )
    for number, name in enumerate(table.column_names):
        yield table.drop_columns([name])
        for cell in CELLS:
            yield table.set_column(number, name, pa.array([cell] * len(table)))


@pytest.mark.thorough
def test_tables_of_others_are_read_or_refused(workbench, made, sums, tmp_path):
    scores, selection = tmp_path / "scores.parquet", tmp_path / "selection.parquet"
    select = ("select", "--scores", scores, "--runs", tmp_path / "runs", "--n", "2", "--json")
    for table in tables(made["runs"] / made["scores"] / "scores.parquet"):
        pq.write_table(table, scores)
        for policy in ("top", "soft"):
            ended_well(workbench(*select, "--policy", policy))
    export = ("export", "--selection", selection, "--data", sums, "--out", tmp_path / "out")
    for table in tables(made["runs"] / made["selection"] / "selection.parquet"):
        pq.write_table(table, selection)
        ended_well(workbench(*export, "--runs", made["runs"]))


@pytest.mark.parametrize(
    ("name", "cell", "words"),
    [
        ("score", "x", "the column score of .* holds string"),
        ("score", 1e308, "holds a number beyond any score"),
        ("n_tokens", -5, "holds a negative number"),
        ("n_tokens", 1.5, "holds double"),
        ("row_id", None, "lacks values"),
        ("status", {"a": 1}, "holds struct"),
    ],
)
def test_a_table_with_a_column_of_another_kind_says_which(made, tmp_path, name, cell, words):
    from workbench.selection import read_scores

    table = pq.read_table(made["runs"] / made["scores"] / "scores.parquet")
    column = table.column_names.index(name)
    pq.write_table(
        table.set_column(column, name, pa.array([cell] * len(table))), tmp_path / "s.parquet"
    )
    with pytest.raises(InputError, match=words):
        read_scores(tmp_path / "s.parquet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", {"_data_files": [{"filename": "../secret.arrow"}]}),
        ("state.json", {"_data_files": [{"filename": "/etc/passwd"}]}),
        ("state.json", {"_data_files": [5]}),
        ("dataset_dict.json", {"splits": ["../elsewhere"]}),
        ("dataset_dict.json", {"splits": 5}),
        ("provenance.json", {"files": 5}),
    ],
)
def test_a_folder_of_data_leads_to_no_file_outside_of_it(tmp_path, name, content):
    from workbench.data import resolve_source

    (tmp_path / "secret.arrow").write_bytes(b"")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.jsonl").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text(json.dumps(content))
    with pytest.raises(InputError):
        resolve_source(str(tmp_path / "data"))
