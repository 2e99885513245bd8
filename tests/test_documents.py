"""What the documents name exists: files, folders, headings; the worked example is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
METHODS = ROOT / "docs" / "methods.md"
FOLDERS = "workbench|apps|analyses|tests|benchmarks|data|docs"
IN_MARKS = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w./-])(?:{FOLDERS})/[\w./<>-]*")
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
CITATION = re.compile(r"docs/methods\.md,\s+(?:[#/]+\s+)?([A-Z][^.;:,()\"]*)")
SOURCES = ("workbench", "apps", "analyses", "tests")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchor_of(heading: str) -> str:
    """What GitHub calls a heading in an address."""
    bare = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", bare).replace(" ", "-")


def headings_of(path: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", prose, re.MULTILINE)


def named_paths(path: Path) -> set[str]:
    """Paths in code marks, from the root; of one with a gap (`<method>.py`) its folder."""
    found = PATH.findall("\n".join(IN_MARKS.findall(text_of(path))))
    return {p.partition("<")[0].rpartition("/")[0] if "<" in p else p for p in found}


def citations() -> Iterator[tuple[str, str]]:
    """File and title of every citation of a section of methods.md in the sources."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "work" not in path.relative_to(ROOT).parts and path != Path(__file__):
                for title in CITATION.findall(text_of(path)):
                    yield name_of(path), " ".join(title.replace("#", " ").split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_that_a_document_names_exists(document):
    missing = {path for path in named_paths(document) if not (ROOT / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_within_the_repository_leads_somewhere(document):
    broken = []
    for link in LINK.findall(text_of(document)):
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        there = target.exists()
        if there and anchor:
            there = anchor in map(anchor_of, headings_of(target))
        broken += [] if there else [link]
    assert broken == []


def test_every_section_of_the_methods_says_where_it_is_computed():
    sections = re.split(r"^## ", text_of(METHODS), flags=re.MULTILINE)[1:]
    without = [s.splitlines()[0] for s in sections if "](../workbench/" not in s]
    assert without == ["What each number is blind to"]


def test_every_section_that_the_sources_cite_is_there():
    titles = set(headings_of(METHODS))
    unknown = [(file, title) for file, title in citations() if title not in titles]
    assert unknown == []


def test_the_worked_example_of_the_methods_is_what_the_code_computes():
    from workbench.scoring.variance import VARIANTS

    uniform = np.array([11, 5, 2]) / 18
    parked = np.array([1.0, 0.0, 0.0])
    computed = [
        f"`{name} = {of(uniform, uniform):.4f}`".replace("0.0000", "0")
        for name, of in VARIANTS.items()
    ]
    assert computed == ["`paper = 0.0432`", "`cv2 = 0.3889`", "`excess = 0`"]
    computed += [f"`{name} = {of(parked, uniform):.4f}`" for name, of in VARIANTS.items()]
    said = " ".join(text_of(METHODS).split())
    assert [words for words in computed if words not in said] == []
