"""The wheel carries the pages and the bundled data, and finds them where it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

# What training and studies read.
CLONE_ONLY = ("data/training/", "data/pools/studies/")
ROOT = Path(__file__).resolve().parents[1]
OPEN_PAGES = """
from pathlib import Path
from streamlit.testing.v1 import AppTest
from workbench.bundled import bundled_dir
at = AppTest.from_file(str(bundled_dir("apps") / "app.py"), default_timeout=120).run()
assert not at.exception, at.exception
import apps
print(apps.__file__)
print(len(at.metric))
"""
PRINT_PLACES = """
import workbench
from workbench.bundled import DATASETS, MODELS, bundled_dir
print(workbench.__file__)
print(bundled_dir("data"))
print(bundled_dir("apps"))
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", out)
    run(sys.executable, *build, ROOT)
    return next(out.glob("circuit_workbench-*.whl"))


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_in(folder: str) -> set[str]:
    """The files of a folder of the clone, whether git knows them or not."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    names = {path.relative_to(ROOT).as_posix() for path in paths}
    return {name for name in names if "__pycache__" not in name}


@pytest.mark.parametrize("folder", ["data", "apps"])
def test_the_wheel_carries_every_file_of_the_folder_but_data_of_the_clone(names, folder):
    expected = {n for n in files_in(folder) if not n.startswith(CLONE_ONLY)}
    carried = {n.removeprefix("workbench/_bundled/") for n in names if "/_bundled/" in n}
    assert {n for n in carried if n.startswith(f"{folder}/")} == expected


def test_the_wheel_carries_the_whole_package(names):
    assert files_in("workbench") <= names


def test_the_wheel_carries_the_bundled_model(names):
    if not (ROOT / "data/models/math-tiny").is_dir():
        pytest.skip("this clone has no data/models/math-tiny")
    assert "workbench/_bundled/data/models/math-tiny/config.json" in names
    assert any(
        n.startswith("workbench/_bundled/data/models/") and "safetensors" in n for n in names
    )


def test_the_wheel_carries_no_tests_and_no_training_data(names):
    roots = {name.split("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"workbench"}
    assert not any(part in name for name in names for part in CLONE_ONLY)


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder)
    run(sys.executable, *pip, wheel)
    return folder


def test_an_installed_wheel_opens_its_own_pages(site, tmp_path):
    opened = run(
        *(sys.executable, "-P", "-W", "ignore", "-c", OPEN_PAGES),
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "HOME": str(tmp_path)},
    )
    package, n_metrics = opened.split()
    assert Path(package) == site / "workbench" / "_bundled" / "apps" / "__init__.py"
    assert int(n_metrics) == 5


def test_an_installed_wheel_finds_its_own_data(site, tmp_path):
    env = {"PYTHONPATH": str(site)}
    places = run(sys.executable, "-P", "-c", PRINT_PLACES, cwd=tmp_path, env=env)
    package, data, apps = map(Path, places.split())
    assert package == site / "workbench" / "__init__.py"
    assert data == site / "workbench" / "_bundled" / "data"
    pool = "pools/gsm8k.jsonl.gz"
    assert (data / pool).read_bytes() == (ROOT / "data" / pool).read_bytes()
    assert apps == site / "workbench" / "_bundled" / "apps"
