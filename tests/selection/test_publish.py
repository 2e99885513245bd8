"""An export on a hub that runs on this machine: private unless asked for, refused in words."""

import pytest

from tests.support.hub import COMMIT, TOKEN, point_at, serving
from workbench.errors import InputError
from workbench.selection import check_hub_id, publish


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with serving({}) as running:
        point_at(running.url, tmp_path / "cache", monkeypatch)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "out"
    (out / "trainers").mkdir(parents=True)
    (out / "README.md").write_text("---\nlicense: mit\n---\n")
    (out / "data.jsonl").write_text('{"prompt": "1 + 1?"}\n')
    (out / "trainers" / "sft.py").write_text("pass\n")
    return out


def test_every_file_is_pushed_into_a_private_dataset(hub, folder):
    assert publish(folder, "org/sums") == f"{hub.url}/datasets/org/sums/commit/{COMMIT}"
    there = hub.pushed["org/sums"]
    assert there.private
    assert there.files == {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    (folder / "data.jsonl").write_text("{}\n")
    publish(folder, "org/sums")
    assert there.files["data.jsonl"] == b"{}\n"


def test_public_rows_are_asked_for(hub, folder):
    publish(folder, "org/open", public=True)
    assert not hub.pushed["org/open"].private
    with pytest.raises(InputError, match=r"'org/open' is on the hub already, and public.*--public"):
        publish(folder, "org/open")


def test_rows_are_not_public_by_an_upload_to_what_is_private(hub, folder):
    publish(folder, "org/closed")
    with pytest.raises(InputError, match=r"'org/closed' is on the hub already, and private"):
        publish(folder, "org/closed", public=True)
    assert hub.pushed["org/closed"].private


def test_a_hub_that_takes_nothing_is_one_sentence(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_a_wrong_one")
    with pytest.raises(InputError, match=r"does not take the dataset 'org/sums'.*HF_TOKEN") as no:
        publish(folder, "org/sums")
    assert "\n" not in str(no.value)
    assert not hub.pushed


@pytest.mark.parametrize("name", ["sums", "org/", "a/b/c", "https://hub/org/name"])
def test_a_name_that_no_dataset_has_is_refused_before_anything_is_written(name):
    with pytest.raises(InputError, match="expected ORG/NAME"):
        check_hub_id(name)
