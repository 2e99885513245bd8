"""Which files and models a page may name: what lies below the allowed roots, however it is written.

path = allowed("data/rows.jsonl")     # resolved; InputError for anything outside
checked_data("gsm8k"), checked_model("Qwen/Qwen2.5-Math-1.5B-Instruct@main")
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from workbench.bundled import DATASETS, bundled_dir
from workbench.catalog import catalog, here
from workbench.data import SUFFIXES, resolve_source
from workbench.errors import InputError
from workbench.models import base_name, find_model, is_adapter

VARIABLE = "WORKBENCH_ROOTS"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[A-Za-z0-9][\w./-]*)?")
HUB_DATA = re.compile(r"hf:[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:[\w.-]*){0,2}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_UPLOAD_MB = 50


def default_roots(runs: Path) -> tuple[Path, ...]:
    """The runs, the bundled data and the current folder."""
    return (runs, bundled_dir("data"), Path.cwd())


def roots(runs: Path) -> tuple[Path, ...]:
    """`WORKBENCH_ROOTS`, as `workbench app --root` sets it, else the default; all resolved."""
    given = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    chosen = (runs, *given, bundled_dir("data")) if given else default_roots(runs)
    return tuple(dict.fromkeys(root.resolve() for root in chosen))


def allowed(text: str, within: tuple[Path, ...]) -> Path:
    """The path that `text` means, links followed; InputError if that is outside of `within`."""
    if not text or "\0" in text:
        raise InputError("the path is empty or unreadable", expected="a file below an allowed root")
    try:
        path = Path(text).expanduser().resolve()
    except (OSError, RuntimeError) as err:
        raise InputError(f"'{text[:200]}' is no path ({err})") from err
    if not any(path.is_relative_to(root) for root in within):
        raise InputError(
            f"'{text}' lies outside of the folders this app may use",
            expected=f"a path below {', '.join(map(str, within))}",
            do="start the app with --root FOLDER to allow another one",
        )
    return path


def checked_data(name: str, within: tuple[Path, ...]) -> str:
    """Data as the command line gets it: a bundled name, `hf:owner/name`, or an allowed path."""
    if name in DATASETS:
        return name
    if name.startswith("hf:"):
        if not HUB_DATA.fullmatch(name):
            raise InputError(f"hub dataset is '{name}'", expected="hf:owner/name[:config][:split]")
        return name
    if any(sign in name for sign in "*?["):
        folder = allowed(str(Path(name).parent), within)
        pattern = str(folder / Path(name).name)
        for match in resolve_source(pattern):
            allowed(str(match), within)
        return pattern
    path = allowed(name, within)
    for file in resolve_source(str(path)):
        allowed(str(file), within)
    return str(path)


def checked_model(name: str, within: tuple[Path, ...]) -> str:
    """A model as the command line gets it: a bundled name, an allowed folder, or a hub id."""
    if name in here():
        return name
    if name in (entry.name for entry in catalog()):
        # Says how it is fetched.
        find_model(name)
    if is_there(name):
        path = allowed(name, within)
        if is_adapter(path):
            checked_model(base_name(path), within)
        return str(path)
    if HUB_ID.fullmatch(name):
        return name
    raise InputError(
        f"no model named '{name}'",
        expected=f"{', '.join(here())}, a folder below an allowed root, or a hub id owner/name",
    )


def is_there(name: str) -> bool:
    """Whether the name of a model is that of a file or folder."""
    try:
        return Path(name).expanduser().exists()
    except (OSError, RuntimeError):
        return False


def below(folder: Path, name: str) -> Path:
    """`folder/name` for a plain file name; InputError where the name or a link leads elsewhere."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"the name is '{name}'", expected="letters, digits, dots, dashes and underscores only"
        )
    return allowed(str(folder.resolve() / name), (folder.resolve(),))


def keep_upload(content: bytes, its_name: str, folder: Path) -> Path:
    """Write an uploaded file under a name made from its content, never under its own."""
    suffix = next((s for s in SUFFIXES if its_name.lower().endswith(s)), None)
    if suffix is None:
        raise InputError(f"'{its_name}' has an unknown extension", expected=", ".join(SUFFIXES))
    if len(content) > MAX_UPLOAD_MB * 2**20:
        raise InputError(f"the file has {len(content)} bytes", expected=f"{MAX_UPLOAD_MB} MB")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    path.write_bytes(content)
    return path
