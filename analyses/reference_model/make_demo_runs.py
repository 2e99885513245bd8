"""The results that the app shows before anything has been run: a finished demo, as data/demo_runs.

    workbench demo
    python -m analyses.scores_compared.study
    python -m analyses.amplification.study
    python analyses/reference_model/make_demo_runs.py --demo demo \
        --also analyses/scores_compared/work/runs/{heads-retrieval,score-air}-* \
        --also analyses/amplification/work/runs/amplify-...

Finished runs are copied with what the pages and later stages read. Parts, locks, events and
checkpoints, which only a run at work needs, are left out, and so are updated weights and reports as
a page, which are larger than all the rest. Sealed manifests forget the folder that the commands ran
in and the files left out, and are sealed again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from workbench.runs import MANIFEST, SEAL, list_runs, read_manifest, sealed

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    *("parts", ".lock", "events.jsonl", "*.tmp", "marks.json", "*.html"),
    *("*.safetensors", "model", "batches.json"),
)
MAX_BYTES = 3_000_000
STAGES = {"probe", "heads", "validate", "score", "select"}


def main() -> None:
    """Replace data/demo_runs by the runs of a demo folder."""
    parser = argparse.ArgumentParser(description="Bundle the runs of a finished demo.")
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="what --out of it was")
    parser.add_argument("--also", type=Path, nargs="+", action="extend", default=[], metavar="RUN")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "demo_runs")
    options = parser.parse_args()
    runs = list_runs(options.demo / "runs")
    paths = [*(run.path for run in runs), *options.also]
    unfinished = [path.name for path in paths if read_manifest(path)["status"] != "finished"]
    missing = STAGES - {run.stage.partition("-")[0] for run in runs}
    if unfinished or missing:
        sys.exit(f"not a finished demo: unfinished {unfinished}, missing {sorted(missing)}")
    building = options.out.with_name(f".{options.out.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    for path in paths:
        shutil.copytree(path, building / path.name, ignore=LEFT_OUT)
        reseal(building / path.name)
    check(building)
    shutil.rmtree(options.out, ignore_errors=True)
    building.rename(options.out)
    print(f"{len(paths)} runs, {size_of(options.out) / 1e6:.2f} MB in {options.out}")


def reseal(run: Path) -> None:
    """Leave out of a sealed manifest what does not come along."""
    manifest = read_manifest(run)
    if SEAL not in manifest:
        return
    files = {name: sha for name, sha in manifest.get("files", {}).items() if (run / name).exists()}
    content = sealed({**manifest, "folder": "", "files": files})
    (run / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def check(folder: Path) -> None:
    """Refuse what must not be shipped: too much, or the paths of this machine."""
    if size_of(folder) > MAX_BYTES:
        sys.exit(f"{size_of(folder)} bytes, at most {MAX_BYTES} are to be shipped")
    for run in folder.iterdir():
        data = read_manifest(run)["details"].get("data", [])
        if any("/" in name for name in data):
            sys.exit(f"{run.name} read {data}: the demo must work from bundled names alone")
    for path in folder.rglob("*.json*"):
        text = path.read_text(encoding="utf-8")
        if str(Path.home()) + "/" in text or str(ROOT) in text or '"/tmp/' in text:
            sys.exit(f"{path} names a folder of this machine")


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
