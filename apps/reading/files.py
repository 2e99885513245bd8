"""Results as pages read them: each version of a file once, and a torn one told in words.

heads = load(read_heads, run.result)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from apps.reading.sharing import shared
from workbench.errors import InputError

T = TypeVar("T")


class UnreadableError(Exception):
    """A result that cannot be read; `app.py` shows the reason in place of the page's rest."""


def load(read: Callable[[Path], T], path: Path) -> T:
    """`read(path)` once a version of the file.

    What comes back is shared by all readers and must not be changed.

    Raises:
        UnreadableError: The file is missing, torn, or of another kind.
    """
    try:
        return _version(read, path, path.stat().st_mtime_ns)
    except (InputError, OSError, ValueError, KeyError) as err:
        raise UnreadableError(str(err)) from err


@shared(64)
def _version(read: Callable[[Path], Any], path: Path, changed: int) -> Any:
    return read(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return content
