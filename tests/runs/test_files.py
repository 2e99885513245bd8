"""Files are complete or absent."""

from __future__ import annotations

import errno
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import InputError
from workbench.runs.files import (
    atomic_file,
    merge_table_files,
    write_json_file,
    write_table_file,
    writing,
)


def test_a_file_whose_writing_fails_keeps_its_old_content_and_leaves_no_trace(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def write_half():
        with atomic_file(path) as file:
            file.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_a_file_is_not_visible_before_it_is_complete(tmp_path):
    with atomic_file(tmp_path / "x") as file:
        file.write(b"half")
        file.flush()
        assert not (tmp_path / "x").exists()
    assert (tmp_path / "x").read_bytes() == b"half"


def test_a_full_disk_is_one_sentence(tmp_path):
    # Every write to /dev/full fails as on a full disk.
    (tmp_path / "x.json.tmp").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"x\.json' cannot be written \(No space left") as info:
        write_json_file(tmp_path / "x.json", {"a": 1})
    assert "--runs DIR" in str(info.value)
    assert info.value.exit_code == 2
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_unwritable_places_are_input_errors(tmp_path, number):
    with pytest.raises(InputError, match="cannot be written"), writing(tmp_path):
        raise OSError(number, "no")


def test_other_system_errors_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="broken"), writing(tmp_path):
        raise OSError(errno.EPROTO, "broken")


def test_json_is_sorted_indented_and_refuses_nan(tmp_path):
    path = tmp_path / "x.json"
    write_json_file(path, {"b": "π", "a": [1]})
    assert path.read_text(encoding="utf-8") == '{\n  "a": [\n    1\n  ],\n  "b": "π"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json_file(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["a"] == [1]


def test_equal_tables_give_equal_bytes_whatever_made_them(tmp_path):
    plain = pa.table({"a": [1, 2, 3]})
    chunked = pa.table({"a": pa.chunked_array([[1], [2, 3]])}).replace_schema_metadata({"by": "x"})
    write_table_file(tmp_path / "plain", plain)
    write_table_file(tmp_path / "chunked", chunked)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "chunked").read_bytes()


def test_merging_keeps_order_and_types_an_all_null_part_from_the_others(tmp_path):
    parts = [tmp_path / "0", tmp_path / "1", tmp_path / "2"]
    write_table_file(parts[0], pa.table({"id": ["a", "b"], "score": pa.nulls(2)}))
    write_table_file(parts[1], pa.table({"score": [0.5], "id": ["c"]}))
    write_table_file(parts[2], pa.table({"id": pa.array([], pa.string()), "score": pa.nulls(0)}))
    assert merge_table_files(parts, tmp_path / "all") == 3
    merged = pq.read_table(tmp_path / "all")
    assert merged.to_pydict() == {"id": ["a", "b", "c"], "score": [None, None, 0.5]}
    assert merged.schema.field("score").type == pa.float64()


def test_files_are_written_where_folders_cannot_be_opened(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    write_json_file(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").is_file()
