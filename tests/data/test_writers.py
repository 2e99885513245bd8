import datetime
import errno
import gzip
import json
import os
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data import Written, atomic_file, plain, read_samples, write_jsonl, write_parquet
from workbench.data import writers as writers_module
from workbench.errors import InputError

ROWS = [{"id": i, "text": f"row {i}", "tags": ["a", None]} for i in range(5)]
WRITERS = {"a.jsonl": write_jsonl, "a.jsonl.gz": write_jsonl, "a.parquet": write_parquet}


@pytest.fixture
def small_row_groups(monkeypatch):
    monkeypatch.setattr(writers_module, "ROW_GROUP_ROWS", 2)


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_read_again(tmp_path, name):
    written = WRITERS[name](tmp_path / "new" / name, iter(ROWS))
    assert written == Written(5)
    assert [dict(s.row) for s in read_samples([str(tmp_path / "new" / name)])] == ROWS


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_give_the_same_bytes(tmp_path, name, monkeypatch):
    WRITERS[name](tmp_path / name, ROWS)
    first = (tmp_path / name).read_bytes()
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    WRITERS[name](tmp_path / name, ROWS)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, name):
    def rows():
        yield ROWS[0]
        raise RuntimeError("the source failed")

    WRITERS[name](tmp_path / name, ROWS)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(RuntimeError, match="the source failed"):
        WRITERS[name](tmp_path / name, rows())
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_appears_before_the_last_row(tmp_path, name):
    def rows():
        for row in ROWS:
            assert not (tmp_path / name).exists()
            yield row

    WRITERS[name](tmp_path / name, rows())
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", WRITERS)
def test_no_rows_are_an_empty_file_of_the_kind(tmp_path, name):
    assert WRITERS[name](tmp_path / name, []) == Written(0)
    if name.endswith("parquet"):
        assert pq.read_table(tmp_path / name).num_rows == 0
    else:
        content = (tmp_path / name).read_bytes()
        assert (gzip.decompress(content) if name.endswith("gz") else content) == b""


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "the folder cannot be written to"),
        (errno.EROFS, "the file system is read-only"),
        (errno.ENOSPC, "the disk is full"),
    ],
)
def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path, name, number, words, monkeypatch):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    expected = f"cannot write '{tmp_path / name}': {words}; free some space or choose another"
    with pytest.raises(InputError, match=re.escape(expected)):
        WRITERS[name](tmp_path / name, ROWS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_fills_up_while_writing_is_one_sentence(tmp_path, name, monkeypatch):
    real_open = Path.open

    def open_full(self, mode="r", **options):
        return real_open(Path("/dev/full") if mode == "wb" else self, mode, **options)

    monkeypatch.setattr(Path, "open", open_full)
    rows = ({"text": os.urandom(999).hex()} for _ in range(500))
    with pytest.raises(InputError, match="the disk is full"):
        WRITERS[name](tmp_path / name, rows)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="the folder cannot be written to"):
        write_jsonl(tmp_path / "a.jsonl", ROWS)


def test_a_path_through_a_file_and_a_folder_of_that_name_are_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a part of the path is a file"):
        write_jsonl(tmp_path / "file" / "deeper" / "a.jsonl", ROWS)
    with pytest.raises(InputError, match="a part of the path is a file"):
        write_jsonl(tmp_path / "file" / "a.jsonl", ROWS)
    with pytest.raises(InputError, match="a folder of that name exists"):
        write_jsonl(tmp_path / "folder", ROWS)


def test_other_faults_of_the_system_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="unheard of"), atomic_file(tmp_path / "a"):
        raise OSError(errno.EPROTO, "unheard of")


def test_a_finished_file_may_be_read_by_others_as_usual(tmp_path):
    (tmp_path / "usual").touch()
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    assert (tmp_path / "a.jsonl").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_json_lines_are_strict_json_and_keep_the_order_of_columns(tmp_path):
    row = {
        "z": float("nan"),
        "a": "é\u2028\ud800",
        "when": datetime.datetime(2024, 1, 2, 3),
        "sum": Decimal("1.50"),
        "raw": b"\x00",
    }
    write_jsonl(tmp_path / "a.jsonl", [row])
    [line] = (tmp_path / "a.jsonl").read_bytes().strip().split(b"\n")
    assert list(json.loads(line).items()) == [
        ("z", None),
        ("a", "é\u2028\ud800"),
        ("when", "2024-01-02T03:00:00"),
        ("sum", "1.50"),
        ("raw", "AA=="),
    ]


def test_plain_numbers_and_arrays_are_json():
    import numpy as np

    value = {"n": np.int64(3), "x": np.float32("inf"), "a": np.arange(2), "t": (1, True)}
    assert plain(value) == {"n": 3, "x": None, "a": [0, 1], "t": [1, True]}


def test_a_schema_fixes_types_and_fills_missing_columns(tmp_path):
    schema = pa.schema([("n", pa.int32()), ("score", pa.float64())])
    write_parquet(tmp_path / "a.parquet", [{"n": 1}, {"n": 2, "score": 0.5}], schema)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.equals(schema)
    assert table.to_pylist() == [{"n": 1, "score": None}, {"n": 2, "score": 0.5}]


def test_a_column_that_the_schema_lacks_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"columns \['b'\] are not in the schema \['a'\]"):
        write_parquet(tmp_path / "a.parquet", [{"a": 1, "b": 2}], pa.schema([("a", pa.int64())]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_row_groups")
def test_types_are_found_from_all_rows_not_the_first(tmp_path):
    rows = [{"a": None}, {"a": None}, {"a": 1, "b": "x"}, {"a": 2}, {"a": 2.5, "c": []}]
    rows += [{"c": ["y"]}]
    assert write_parquet(tmp_path / "a.parquet", rows) == Written(6)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("a").type == pa.float64()
    assert table.to_pylist() == [{"a": None, "b": None, "c": None, **row} for row in rows]


@pytest.mark.usefixtures("small_row_groups")
@pytest.mark.parametrize(
    "values",
    [
        [1, "one", None, [2]],
        [1, 2, 3, "one"],
        ["one", None, 1, 2],
        [True, False, 1, 2],
        [{"Tom": ["Ann"]}, {"Ann": []}, {"Tom": []}, None],
        [{"Tom": 1}, {"Tom": 2}, {"Ann": 1}, {"Ann": 1}],
        [{}, {}, None, {}],
        [[{}], [], [], []],
        [2**70, 1, 2, 3],
        ["\ud800", "a", "b", "c"],
        [datetime.date(2024, 1, 2), "soon", None, None],
    ],
)
def test_a_column_without_one_type_becomes_json_text_and_is_named(tmp_path, values):
    rows = [{"n": i, "odd": value} for i, value in enumerate(values)]
    assert write_parquet(tmp_path / "a.parquet", rows) == Written(4, ("odd",))
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column("n").to_pylist() == [0, 1, 2, 3]
    texts = table.column("odd").to_pylist()
    assert [None if t is None else json.loads(t) for t in texts] == plain(values)


@pytest.mark.usefixtures("small_row_groups")
def test_dates_and_bytes_keep_their_parquet_types(tmp_path):
    rows = [{"when": datetime.date(2024, 1, day), "raw": b"\xff", "m": {"k": 1}} for day in (1, 2)]
    assert write_parquet(tmp_path / "a.parquet", rows).json_columns == ()
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows


@pytest.mark.usefixtures("small_row_groups")
def test_turns_with_different_fields_stay_turns(tmp_path):
    turns = [[{"role": "user", "content": "a"}], [], [{"role": "user", "content": "b", "name": 1}]]
    assert write_parquet(tmp_path / "a.parquet", [{"m": t} for t in turns]).json_columns == ()
    read = pq.read_table(tmp_path / "a.parquet").column("m").to_pylist()
    assert read[0] == [{"role": "user", "content": "a", "name": None}]
    assert read[1:] == turns[1:]


def test_rows_without_columns_are_still_rows(tmp_path):
    assert write_parquet(tmp_path / "a.parquet", [{}, {"a": 1}]).n_rows == 2
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == [{"a": None}, {"a": 1}]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TABLES = st.lists(st.dictionaries(st.sampled_from("abc"), SCALARS), max_size=6)


@settings(deadline=None)
@given(TABLES)
def test_any_rows_survive_parquet_up_to_null_columns(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "a.parquet"
    written = write_parquet(path, rows)
    read = pq.read_table(path).to_pylist()
    assert written.n_rows == len(rows)
    for row, back in zip(rows, read, strict=False):
        for name, value in back.items():
            if name in written.json_columns and value is not None:
                assert json.loads(value) == plain(row[name])
            else:
                assert value == row.get(name)
