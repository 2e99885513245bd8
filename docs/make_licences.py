"""The licence of every pinned package, as the installed package states it, into docs/licences.md.

python docs/make_licences.py
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
LICENCE = "License :: "
HEAD = """# Licences of the pinned packages

Written by `docs/make_licences.py`: what each package of `constraints.txt` states in its
own metadata.
Bundled data and models have theirs in `data/LICENSES` and `data/README.md`.

| package | version | licence |
|---|---|---|
"""


def pinned() -> dict[str, str]:
    """Name to version of what constraints.txt pins."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def licence_of(name: str) -> str:
    """One line: the expression, the classifiers or the field; the last may be a whole text."""
    try:
        facts = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed where this list was made"
    stated = [c.rpartition(" :: ")[2] for c in facts.get_all("Classifier", []) if LICENCE in c]
    said = facts.get("License-Expression") or ", ".join(stated) or facts.get("License") or "none"
    return said.strip().splitlines()[0][:80].replace("|", "/")


def main() -> None:
    lines = [f"| {name} | {version} | {licence_of(name)} |" for name, version in pinned().items()]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
