"""Folders as data: shards, exports, saved datasets; what could mean two things is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.tuning.exports import write_export
from workbench.data import read_samples, resolve_source
from workbench.errors import InputError

ROWS = [{"id": f"r{i}", "problem": f"{i} + 1?", "solution": f"{i + 1}"} for i in range(9)]


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def ids(source: Path) -> list[str]:
    return [row.row_id for row in read_samples([str(source)])]


@pytest.mark.parametrize("below", ["", "data"])
def test_shards_are_read_in_the_order_of_their_names(tmp_path, below):
    write(tmp_path / below / "train-00001-of-00002.jsonl", ROWS[5:])
    write(tmp_path / below / "train-00000-of-00002.jsonl", ROWS[:5])
    for name in ("README.md", "dataset_infos.json", "LICENSE.txt", ".hidden.jsonl"):
        (tmp_path / name).write_text("{}")
    assert ids(tmp_path) == [row["id"] for row in ROWS]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.jsonl", "b.csv"), "holds several kinds of files (.csv, .jsonl), expected one of them"),
        (("train.jsonl", "test.jsonl"), "holds several splits (test, train), expected one of them"),
        (("README.md",), "holds no data, expected files of one kind, an export, or a saved"),
    ],
)
def test_a_folder_of_several_things_or_none_is_refused(tmp_path, names, words):
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=re.escape(words)):
        resolve_source(str(tmp_path))


def test_of_an_export_only_its_data_is_read(tmp_path):
    folder = write_export(tmp_path / "subset")
    assert resolve_source(str(tmp_path / "subset")) == [tmp_path / "subset" / "data.jsonl"]
    assert ids(tmp_path / "subset"), folder


def test_a_saved_dataset_is_read_in_the_order_that_it_says(tmp_path):
    datasets = pytest.importorskip("datasets")
    saved = datasets.Dataset.from_list(ROWS)
    saved.save_to_disk(str(tmp_path / "one"), num_shards=3)
    assert ids(tmp_path / "one") == [row["id"] for row in ROWS]
    datasets.DatasetDict(train=saved).save_to_disk(str(tmp_path / "only"))
    assert ids(tmp_path / "only") == [row["id"] for row in ROWS]
    datasets.DatasetDict(train=saved, test=saved).save_to_disk(str(tmp_path / "two"))
    with pytest.raises(InputError, match=r"has the splits train, test, .*; pass '.*two/train'"):
        resolve_source(str(tmp_path / "two"))


def test_a_saved_dataset_without_its_split_is_refused(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(InputError, match="lacks train, expected the whole folder"):
        resolve_source(str(tmp_path))


def test_a_saved_dataset_without_one_of_its_files_is_refused(tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "one"), num_shards=3)
    lost = sorted((tmp_path / "one").glob("*.arrow"))[1]
    shutil.move(lost, tmp_path)
    with pytest.raises(
        InputError, match=f"lacks {re.escape(lost.name)}, expected the whole folder"
    ):
        resolve_source(str(tmp_path / "one"))
