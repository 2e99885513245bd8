import hashlib
import re
from pathlib import Path

import huggingface_hub
import pytest

from workbench.bundled import DATASETS
from workbench.config import canonical_json
from workbench.data import SUFFIXES, fingerprint_sources, resolve_source
from workbench.data.sources import HubSource, hub_revision, parse_hub_source
from workbench.errors import InputError


def refusal(source):
    with pytest.raises(InputError) as caught:
        resolve_source(source)
    return str(caught.value)


def test_a_bundled_name_is_its_file():
    [path] = resolve_source("gsm8k")
    assert path.name == Path(DATASETS["gsm8k"]).name


def test_a_glob_gives_its_files_in_name_order_and_no_folders(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "c.csv"):
        (tmp_path / name).touch()
    (tmp_path / "sub.jsonl").mkdir()
    (tmp_path / "sub.jsonl" / "d.jsonl").touch()
    assert [p.name for p in resolve_source(f"{tmp_path}/*.jsonl")] == ["a.jsonl", "b.jsonl"]
    found = resolve_source(f"{tmp_path}/**/*.jsonl")
    assert [p.name for p in found] == ["a.jsonl", "b.jsonl", "d.jsonl"]


def test_a_glob_may_be_relative(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    assert [p.name for p in resolve_source("*.jsonl")] == ["a.jsonl"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    (tmp_path / "a[1].jsonl").touch()
    assert resolve_source(f"{tmp_path}/a[1].jsonl") == [tmp_path / "a[1].jsonl"]


def test_a_missing_file_names_what_could_have_been_meant(tmp_path):
    assert refusal(f"{tmp_path}/x.jsonl") == (
        f"no data at '{tmp_path}/x.jsonl', expected a bundled name (gsm8k, math, generated, "
        "text), a file, a folder, a glob or hf:owner/name; check the spelling"
    )


def test_a_glob_that_matches_nothing_is_refused(tmp_path):
    expected = f"no file matches '{tmp_path}/*.jsonl', expected a pattern that matches"
    assert refusal(f"{tmp_path}/*.jsonl").startswith(expected)


@pytest.mark.parametrize("source", ["notes.docx", "*.docx"])
def test_an_unknown_extension_is_refused_with_the_known_ones(tmp_path, source):
    (tmp_path / "notes.docx").touch()
    assert refusal(f"{tmp_path}/{source}") == (
        f"'{tmp_path}/notes.docx' has an unknown extension, expected one of "
        f"{', '.join(SUFFIXES)}; convert or rename the file"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hf:o/n", HubSource("o/n", None, "train")),
        ("hf:o/n:test", HubSource("o/n", None, "test")),
        ("hf:o/n:main", HubSource("o/n", "main", "train")),
        ("hf:o/n:main:test", HubSource("o/n", "main", "test")),
        ("hf:o/n:train:dev", HubSource("o/n", "train", "dev")),
        ("hf:o/n::extra", HubSource("o/n", None, "extra")),
    ],
)
def test_a_hub_source_has_a_config_and_a_split(source, expected):
    assert parse_hub_source(source) == expected


@pytest.mark.parametrize("source", ["hf:", "hf:name", "hf:a/b/c", "hf:/b", "hf:a/"])
def test_a_hub_source_without_owner_and_name_is_refused(source):
    words = f"hub dataset is '{source}', expected hf:owner/name[:config][:split]; for example"
    with pytest.raises(InputError, match=re.escape(words)):
        parse_hub_source(source)


def test_a_fingerprint_is_name_size_and_sha256_of_each_file(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"abc")
    (tmp_path / "b.jsonl").write_bytes(b"")
    assert fingerprint_sources([f"{tmp_path}/*.jsonl"]) == [
        {"name": "a.jsonl", "bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()},
        {"name": "b.jsonl", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
    ]


def test_the_same_data_in_another_folder_has_the_same_fingerprint(tmp_path):
    prints = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").write_bytes(b"abc")
        prints.append(fingerprint_sources([f"{tmp_path / folder}/a.jsonl"]))
    assert prints[0] == prints[1]
    assert str(tmp_path) not in canonical_json(prints)


def test_a_bundled_fingerprint_carries_the_bundled_name():
    [one] = fingerprint_sources(["gsm8k"])
    assert one["name"] == "gsm8k"
    assert one["bytes"] > 0


def test_a_hub_fingerprint_is_the_revision(monkeypatch):
    class Info:
        sha = "0123abcd"

    monkeypatch.setattr(huggingface_hub, "dataset_info", lambda repo: Info)
    hub_revision.cache_clear()
    assert fingerprint_sources(["hf:o/n:main"]) == [
        {"name": "hf:o/n:main", "bytes": None, "sha256": None, "revision": "0123abcd"}
    ]


def test_an_unreachable_hub_is_one_sentence(monkeypatch):
    def dataset_info(repo):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "dataset_info", dataset_info)
    hub_revision.cache_clear()
    words = "cannot read 'hf:o/n' from the Hugging Face hub: no route; check the name"
    with pytest.raises(InputError, match=re.escape(words)):
        fingerprint_sources(["hf:o/n"])


@pytest.mark.parametrize("source", ["a**b.jsonl", "x/**y/*.jsonl", "[a](b)**c"])
def test_a_pattern_that_means_nothing_is_refused_in_words(source):
    with pytest.raises(InputError, match=r"is no pattern of files .*check the name"):
        resolve_source(source)
