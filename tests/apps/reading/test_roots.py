"""What a page may name: nothing outside of the allowed roots, in whatever way it is written."""

from __future__ import annotations

import gzip
import json

import pytest

from apps.reading import roots
from workbench.errors import InputError


@pytest.fixture
def home(tmp_path):
    """A root with a file in it, and a secret beside it that a link in the root points to."""
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "rows.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "secret.jsonl").write_text('{"text": "secret"}\n')
    (tmp_path / "root" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    return tmp_path / "root"


def test_a_file_below_a_root_is_allowed(home):
    path = home / "rows.jsonl"
    assert roots.allowed(str(path), (home,)) == path.resolve()
    assert roots.checked_data(str(path), (home.resolve(),)) == str(path.resolve())


@pytest.mark.parametrize(
    "text",
    [
        "../secret.jsonl",
        "sub/../../secret.jsonl",
        "link.jsonl",
        "out/secret.jsonl",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "",
        "a\0b",
        "~nobody-of-that-name/x.jsonl",
        "x" * 5000,
    ],
)
def test_nothing_outside_of_the_roots_is(home, text, monkeypatch):
    monkeypatch.chdir(home)
    with pytest.raises(InputError):
        roots.checked_data(text, (home.resolve(),))


def test_the_refusal_says_how_to_allow_it(home):
    with pytest.raises(InputError, match="--root"):
        roots.allowed("/etc/passwd", (home,))


@pytest.mark.parametrize("pattern", ["*.jsonl", "out/*.jsonl", "../*.jsonl"])
def test_a_pattern_that_reaches_outside_is_refused(home, pattern, monkeypatch):
    monkeypatch.chdir(home)
    with pytest.raises(InputError, match="outside"):
        roots.checked_data(pattern, (home.resolve(),))


def test_a_pattern_within_is_allowed(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "link.jsonl").unlink()
    assert roots.checked_data("*.jsonl", (home.resolve(),)) == str(home.resolve() / "*.jsonl")


def test_bundled_names_and_hub_names_need_no_root():
    assert roots.checked_data("gsm8k", ()) == "gsm8k"
    assert roots.checked_data("hf:openai/gsm8k:main", ()) == "hf:openai/gsm8k:main"
    assert roots.checked_model("math-tiny", ()) == "math-tiny"
    assert roots.checked_model("Qwen/Qwen2.5-1.5B@main", ()) == "Qwen/Qwen2.5-1.5B@main"


@pytest.mark.parametrize(
    "name",
    ["--out=/x", "hf:../x", "../a/b", "-m/x", "a b/c", "x", "~nobody-of-that-name/x", "x" * 5000],
)
def test_no_name_passes_for_an_option_or_a_path(name):
    with pytest.raises(InputError):
        roots.checked_model(name, ())
    with pytest.raises(InputError):
        roots.checked_data(name, ())


def test_a_model_folder_outside_is_refused(home):
    with pytest.raises(InputError, match="outside"):
        roots.checked_model(str(home.parent), (home.resolve(),))


def test_an_adapter_must_not_lead_to_a_base_outside(home):
    adapter, config = home / "adapter", "adapter_config.json"
    adapter.mkdir()
    (adapter / config).write_text(json.dumps({"base_model_name_or_path": str(home.parent)}))
    with pytest.raises(InputError, match="outside"):
        roots.checked_model(str(adapter), (home.resolve(),))
    (adapter / config).write_text(json.dumps({"base_model_name_or_path": "math-tiny"}))
    assert roots.checked_model(str(adapter), (home.resolve(),)) == str(adapter.resolve())


def test_an_upload_never_keeps_its_name(home):
    path = roots.keep_upload(b'{"text": "a"}', "../../evil.JSONL", home / "up")
    assert path.parent == home / "up"
    assert "evil" not in path.name
    assert path.suffix == ".jsonl"
    packed = roots.keep_upload(gzip.compress(b"{}"), "x.jsonl.gz", home / "up")
    assert packed.name.endswith(".jsonl.gz")


def test_an_upload_of_an_unknown_kind_or_too_large_is_refused(home, monkeypatch):
    with pytest.raises(InputError, match="extension"):
        roots.keep_upload(b"", "run.sh", home)
    monkeypatch.setattr(roots, "MAX_UPLOAD_MB", 0)
    with pytest.raises(InputError, match="bytes"):
        roots.keep_upload(b"x", "x.csv", home)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "..", "", ".hidden", "a\nb"])
def test_a_folder_name_cannot_lead_elsewhere(home, name):
    with pytest.raises(InputError):
        roots.below(home, name)


def test_a_folder_name_that_is_a_link_is_refused(home):
    with pytest.raises(InputError, match="outside"):
        roots.below(home, "out")


def test_the_roots_are_the_runs_the_data_and_the_current_folder(home, monkeypatch):
    monkeypatch.delenv("WORKBENCH_ROOTS", raising=False)
    monkeypatch.chdir(home)
    found = roots.roots(home / "sub")
    assert {home.resolve(), (home / "sub").resolve()} < set(found)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(home / "sub"))
    assert home.resolve() not in roots.roots(home / "sub")
