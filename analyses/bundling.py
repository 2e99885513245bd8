"""Finished runs copied into `data`, where the app shows them to everyone.

bundle([Path("runs/heads-exact-1a2b3c4d"), ...], Path("data/demo_runs"))

What the pages and later stages read comes along. Parts, locks, events and checkpoints, which only a
run at work needs, are left out, and so are updated weights and reports as a page, which are larger
than all the rest. Sealed manifests forget the folder that the commands ran in (files that they name
lie beside the runs) and the files left out, and are sealed again.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from workbench.runs import MANIFEST, SEAL, read_manifest, sealed

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(
    *("parts", ".lock", "events.jsonl", "*.tmp", "marks.json", "*.html"),
    *("*.safetensors", "model", "batches.json"),
)
MAX_BYTES = 3_000_000


def bundle(runs: Iterable[Path], out: Path, *, beside: Iterable[Path] = ()) -> None:
    """Replace the folder `out` by these runs, and files `beside` them; all or nothing."""
    paths = list(runs)
    if unfinished := [path.name for path in paths if read_manifest(path)["status"] != "finished"]:
        sys.exit(f"unfinished: {unfinished}")
    building = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    for path in paths:
        shutil.copytree(path, building / path.name, ignore=LEFT_OUT)
        reseal(building / path.name)
    for path in beside:
        shutil.copyfile(path, building / path.name)
    check(building)
    shutil.rmtree(out, ignore_errors=True)
    building.rename(out)
    print(f"{len(paths)} runs, {size_of(out) / 1e6:.2f} MB in {out}")


def reseal(run: Path) -> None:
    """Leave out of a sealed manifest what does not come along; its data lie beside the runs."""
    manifest = read_manifest(run)
    if SEAL not in manifest:
        return
    files = {name: sha for name, sha in manifest.get("files", {}).items() if (run / name).exists()}
    content = sealed({**manifest, "folder": "..", "files": files})
    (run / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def check(folder: Path) -> None:
    """Refuse what must not be shipped: too much, or the paths of this machine."""
    if size_of(folder) > MAX_BYTES:
        sys.exit(f"{size_of(folder)} bytes, at most {MAX_BYTES} are to be shipped")
    for run in folder.glob("*/"):
        data = read_manifest(run)["details"].get("data", [])
        if any("/" in name for name in data):
            sys.exit(f"{run.name} read {data}: it must work from names and files beside it alone")
    for path in folder.rglob("*.json*"):
        if path.suffix == ".gz":
            continue
        text = path.read_text(encoding="utf-8")
        if str(Path.home()) + "/" in text or str(ROOT) in text or '"/tmp/' in text:
            sys.exit(f"{path} names a folder of this machine")


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
