"""The manifest of a run: what was asked, of what, with which versions, and how it went.

read_manifest(Path("runs/score-circuitseer-1a2b3c4d"))["status"]
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from glob import glob
from importlib import metadata
from pathlib import Path
from typing import Any

import workbench
from workbench.bundled import DATASETS, MODELS
from workbench.config import digest
from workbench.errors import InputError
from workbench.runs.spec import SCHEMA, RunSpec

MANIFEST = "manifest.json"
SEAL = "seal"
_PACKAGES = (
    "numpy",
    "pandas",
    "pyarrow",
    "tokenizers",
    "torch",
    "transformer_lens",
    "transformers",
)
_KINDS = {
    "stage": str,
    "config": dict,
    "inputs": dict,
    "parents": list,
    "versions": dict,
    "schema": int,
    "digest": str,
    "result": str,
    "created": str,
    "started": str,
    "seconds": (int, float),
    "counts": dict,
    "status": str,
}


def now() -> str:
    """The present in ISO form, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_manifest(spec: RunSpec) -> dict[str, Any]:
    """The manifest of a run that has just been started for the first time."""
    started = now()
    return {
        "schema": SCHEMA,
        "stage": spec.stage,
        "digest": spec.digest,
        "config": dict(spec.config),
        "inputs": dict(spec.inputs),
        "parents": list(spec.parents),
        "model": dict(spec.model) if spec.model is not None else None,
        "details": dict(spec.details),
        "folder": str(Path.cwd()),
        "versions": package_versions(),
        "result": spec.result_name,
        "created": started,
        "started": started,
        "seconds": 0.0,
        "counts": {},
        "files": {},
        "status": "running",
        "error": None,
    }


def located(manifest: Mapping[str, Any], name: str, *others: Path) -> str:
    """A file name of a manifest, as it can be read from anywhere.

    A relative one is of the folder that its command ran in. Runs of before do not say which that
    was: then the current folder and the `others` are tried.
    """
    if name in ("", *DATASETS, *MODELS) or name.startswith("hf:"):
        return name
    told = [Path(manifest["folder"])] if manifest.get("folder") else []
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # of a user who is not there
        return name
    places = [folder / path for folder in (*told, Path.cwd(), *others)]
    # As a pattern, which a source may be; `Path.glob` takes none that begins with "..".
    found = (str(place) for place in places if glob(str(place)))  # noqa: PTH207
    return next(found, name)


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with a hash of itself, by which an edit or a flipped bit is noticed."""
    content = {key: value for key, value in manifest.items() if key != SEAL}
    return {**content, SEAL: digest(content)}


def package_versions() -> dict[str, str]:
    """Versions of Python, the workbench and the installed packages a result depends on."""
    versions = {"python": platform.python_version(), "circuit-workbench": workbench.__version__}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder; `InputError` if it is missing, unreadable or incomplete.

    A relative `folder`, as runs have it that were copied together with their data, is meant from
    the run's own place.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as err:
        raise InputError(f"'{path}' cannot be read ({err})", expected="a run's manifest") from err
    problem = _what_is_wrong(manifest)
    if problem:
        raise InputError(f"'{path}' {problem}", expected="a run's manifest")
    if told := manifest.get("folder"):
        manifest["folder"] = str((folder / str(told)).resolve())
    return manifest


def is_refused(err: InputError) -> bool:
    """Whether the system did not let a manifest be read, which may well be there and whole."""
    cause = err.__cause__
    return isinstance(cause, OSError) and not isinstance(
        cause, FileNotFoundError | NotADirectoryError
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no JSON")


def _what_is_wrong(manifest: Any) -> str | None:
    if not isinstance(manifest, dict):
        return "holds no JSON object"
    for key, kind in _KINDS.items():
        if not isinstance(manifest.get(key), kind):
            return f"has {manifest.get(key)!r} as '{key}'"
    files = manifest.get("files", {})
    if not (isinstance(files, dict) and all(isinstance(sha, str) for sha in files.values())):
        return f"has {files!r} as 'files'"
    model = manifest.get("model")
    if not (model is None or (isinstance(model, dict) and isinstance(model.get("id"), str))):
        return f"has {model!r} as 'model'"
    details = manifest.get("details", {})
    data = details.get("data", []) if isinstance(details, dict) else None
    if not (isinstance(data, list) and all(isinstance(name, str) for name in data)):
        return f"has {details!r} as 'details'"
    if manifest["schema"] != SCHEMA:
        return f"has schema {manifest['schema']}"
    if SEAL in manifest and sealed(manifest)[SEAL] != manifest[SEAL]:
        return "was changed after the run wrote it (its seal does not fit)"
    names = [manifest["result"], *manifest["parents"], *(manifest.get("files") or {})]
    odd = [n for n in names if not isinstance(n, str) or Path(n).name != n or n == ".."]
    return f"names the file {odd[0]!r}, which lies elsewhere" if odd else None
