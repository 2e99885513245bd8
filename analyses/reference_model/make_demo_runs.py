"""The results that the app shows before anything has been run: a finished demo, as data/demo_runs.

    workbench demo
    python -m analyses.scores_compared.study
    python -m analyses.amplification.study
    python -m analyses.reference_model.make_demo_runs --demo demo \
        --also analyses/scores_compared/work/runs/{heads-retrieval,score-air}-* \
        --also analyses/amplification/work/runs/amplify-...
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analyses.bundling import bundle
from workbench.runs import list_runs

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"probe", "heads", "validate", "score", "select"}


def main() -> None:
    """Replace data/demo_runs by the runs of a demo folder."""
    parser = argparse.ArgumentParser(description="Bundle the runs of a finished demo.")
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="what --out of it was")
    parser.add_argument("--also", type=Path, nargs="+", action="extend", default=[], metavar="RUN")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "demo_runs")
    options = parser.parse_args()
    runs = list_runs(options.demo / "runs")
    if missing := STAGES - {run.stage.partition("-")[0] for run in runs}:
        sys.exit(f"not a finished demo: missing {sorted(missing)}")
    bundle([*(run.path for run in runs), *options.also], options.out)


if __name__ == "__main__":
    main()
