"""Every study can be started, and its README says what it asked, found and how to run it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDIES = sorted(path.parent for path in (ROOT / "analyses").glob("*/study.py"))


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_study_can_be_started_as_its_readme_says(folder):
    module = importlib.import_module(f"analyses.{folder.name}.study")
    assert callable(module.main)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert f"$ python -m analyses.{folder.name}.study" in readme
    for part in ("Question", "Method", "Result", "Limits", "Command"):
        assert f"**{part}" in readme
    for plot in re.findall(r"!\[.+?\]\((.+?)\)", readme):
        assert (folder / plot).is_file(), plot
