"""Whether the installed packages are the pinned ones, file by file as their wheels listed them.

    python -m tests.trust.installed            # all of them: a minute
    python -m tests.trust.installed click      # only these

Needs no internet. Ends with 1 and the names if a file has another sha256 or a version is another.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PINS = Path(__file__).resolve().parents[2] / "constraints.txt"


def pinned() -> dict[str, str]:
    """Package to version, as constraints.txt has them."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower(): version for name, version in found}


def problems(names: list[str]) -> Iterator[str]:
    """What is not as it was pinned and packed; packages that are not installed are passed over."""
    for name, version in pinned().items():
        if names and name not in names:
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if found.version != version:
            yield f"{name} is {found.version}, pinned is {version}"
        yield from changed(name, found)


def changed(name: str, found: metadata.Distribution) -> Iterator[str]:
    """Files of a package whose sha256 is not the one in its list."""
    for file in found.files or ():
        path = Path(str(file.locate()))
        if file.hash is None or file.hash.mode != "sha256" or file.suffix == ".pyc":
            continue
        if not path.is_file() or _digest(path) != file.hash.value:
            yield f"{name}: {file} is missing or changed"


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def main(names: list[str]) -> int:
    found = list(problems([name.lower() for name in names]))
    print("\n".join(found) or "as pinned and packed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
