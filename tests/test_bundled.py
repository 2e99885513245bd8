import pytest

from workbench import bundled
from workbench.bundled import DATASETS, MODELS, bundled_dir
from workbench.errors import InputError


def test_every_bundled_name_is_there():
    data = bundled_dir("data")
    assert all((data / name).is_file() for name in DATASETS.values())
    assert all((data / name / "config.json").is_file() for name in MODELS.values())


def test_an_installed_wheel_reads_its_own_copy_first(tmp_path, monkeypatch):
    package = tmp_path / "workbench"
    (tmp_path / "data").mkdir()
    package.mkdir()
    monkeypatch.setattr(bundled, "__file__", str(package / "bundled.py"))
    assert bundled_dir("data") == tmp_path / "data"
    (package / "_bundled" / "data").mkdir(parents=True)
    assert bundled_dir("data") == package / "_bundled" / "data"


def test_a_missing_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "__file__", str(tmp_path / "workbench" / "bundled.py"))
    with pytest.raises(InputError, match=r"folder 'data' is missing .*; install the wheel again"):
        bundled_dir("data")
