"""Models of a hub that runs on this machine; nothing is asked of any other."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants as hub_constants
import pytest
from transformers import BertConfig

from tests.support.hub import COMMIT, TOKEN, Repository, point_at, serving
from workbench.errors import InputError, ModelRefusedError
from workbench.models import ModelSource, find_model, load_model
from workbench.models.hub import _has_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def repositories(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repositories")
    llama = shutil.copytree(checkpoint("llama"), folder / "llama")
    shutil.copy(llama / "model.safetensors", llama / "consolidated.safetensors")
    (llama / "pytorch_model.bin").write_bytes(b"could run code")
    bert = shutil.copytree(checkpoint("llama"), folder / "bert")
    BertConfig(architectures=["BertForMaskedLM"]).save_pretrained(bert)
    empty = folder / "empty"
    empty.mkdir()
    (empty / "README.md").touch()
    no_weights = shutil.copytree(checkpoint("llama"), folder / "no-weights")
    (no_weights / "model.safetensors").unlink()
    return {
        "org/llama": Repository(llama, ("main", "v1")),
        "org/gated": Repository(llama, gated=True),
        "org/private": Repository(llama, hidden=True),
        "org/bert": Repository(bert),
        "org/empty": Repository(empty),
        "org/no-weights": Repository(no_weights),
    }


@pytest.fixture
def hub(repositories, tmp_path, monkeypatch):
    """The hub, an empty cache, and no way to any other machine."""
    connect = socket.socket.connect

    def connect_here(self, address):
        if isinstance(address, tuple):
            assert address[0] == "127.0.0.1", f"{address} was asked"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    with serving(repositories) as running:
        point_at(running.url, tmp_path / "cache", monkeypatch)
        yield running


def test_a_hub_model_is_fetched_once_and_names_its_commit(hub):
    folder, revision = find_model("org/llama@v1")
    assert revision == COMMIT
    assert (folder / "model.safetensors").is_file()
    before = len(hub.asked)
    assert find_model("org/llama@v1") == (folder, revision)
    # Only where the revision points to is asked again.
    assert len(hub.asked) - before <= 1
    model = load_model("org/llama@v1", device="cpu", check=False)
    assert (model.info.id, model.info.revision) == ("org/llama", COMMIT)


def test_a_cached_folder_without_all_weights_is_not_taken_for_the_model(hub, tmp_path):
    """Some releases of huggingface_hub hand out a folder of which only small files were fetched."""
    assert not _has_weights(tmp_path)
    (tmp_path / "model-1.safetensors").touch()
    assert _has_weights(tmp_path)
    shards = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(shards))
    assert not _has_weights(tmp_path)
    folder, _ = find_model("org/llama")
    (folder / "model.safetensors").unlink()
    assert (find_model("org/llama")[0] / "model.safetensors").is_file()


def test_of_a_repository_only_safetensors_and_what_describes_them_are_fetched(hub):
    find_model("org/llama")
    assert "model.safetensors" in hub.files()
    assert not {"pytorch_model.bin", "consolidated.safetensors"} & set(hub.files())


def test_a_commit_that_was_looked_up_stays_for_the_whole_run(hub):
    source = ModelSource("org/llama", device="cpu")
    assert source.manifest()["revision"] == COMMIT
    asked = len(hub.asked)
    source.fingerprint()
    assert source.load().info.revision == COMMIT
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("org/llama@v9", "the model 'org/llama' has no revision 'v9', expected a branch, a tag or"),
        ("org/gated", "the model 'org/gated' is gated: .*; accept them .* token into HF_TOKEN"),
        ("org/private", "the hub has no model 'org/private' that you may read, .*; check the spel"),
        ("org/nothing", "the hub has no model 'org/nothing' that you may read"),
        ("org/empty", r"the hub repository 'org/empty' holds no config\.json"),
        ("a b/c d", "the hub does not give out the model 'a b/c d'"),
    ],
)
def test_what_the_hub_does_not_give_is_one_sentence(name, words, hub):
    with pytest.raises(InputError, match=words) as refused:
        find_model(name)
    assert "\n" not in str(refused.value)


def test_weights_in_another_format_are_refused(hub):
    with pytest.raises(InputError, match="the model 'org/no-weights' has no safetensors weights"):
        load_model("org/no-weights", device="cpu")


def test_a_model_of_another_kind_is_refused_before_its_weights_are_fetched(hub):
    with pytest.raises(ModelRefusedError, match="'org/bert' is a BertForMaskedLM, expected a caus"):
        find_model("org/bert")
    assert "config.json" in hub.files()
    assert "model.safetensors" not in hub.files()


@pytest.mark.parametrize("name", ["org/gated", "org/private"])
def test_a_token_opens_what_it_may_and_a_wrong_one_does_not(name, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_a_wrong_one")
    with pytest.raises(InputError, match="token into HF_TOKEN"):
        find_model(name)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (find_model(name)[0] / "model.safetensors").is_file()


def test_offline_a_cached_model_works_and_another_is_named(hub, monkeypatch):
    cached = find_model("org/llama")
    asked = len(hub.asked)
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    assert find_model("org/llama") == cached
    with pytest.raises(
        InputError, match=r"'org/other' is not \(or not wholly\) in the local cache"
    ):
        find_model("org/other")
    assert len(hub.asked) == asked


def test_a_hub_out_of_reach_is_said_and_the_cache_still_answers(hub, monkeypatch):
    cached = find_model("org/llama")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        point_at(url, Path(hub_constants.HF_HUB_CACHE), monkeypatch)
        assert find_model("org/llama") == cached
        with pytest.raises(InputError, match="the hub is out of reach; connect to the internet"):
            find_model("org/other")


def test_looking_up_a_cached_model_prints_nothing(hub, capfd):
    find_model("org/llama")
    find_model("org/llama")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["org/gated", "org/nothing", "org/bert"])
def test_the_command_ends_with_2_and_one_sentence(name, hub, monkeypatch, capsys):
    from workbench.cli.main import main

    monkeypatch.setattr(sys, "argv", ["workbench", "doctor", "--model", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (sentence,) = captured.err.splitlines()
    assert sentence.startswith("Error: ")
    assert name in sentence


@pytest.mark.slow
def test_the_environment_of_a_command_decides_where_it_asks(repositories, tmp_path):
    with serving(repositories) as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": TOKEN,
        }
        done = subprocess.run(
            [sys.executable, "-m", "workbench.cli.main", "doctor", "--model", "org/gated"],
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        assert COMMIT in done.stdout
        of_model = [asked.token for asked in hub.asked if "org/gated" in asked.path]
        assert set(of_model) == {TOKEN}
