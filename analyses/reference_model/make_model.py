"""The three trainings that made `math-tiny`, one after the other.

    python analyses/reference_model/make_model.py --work work

Each goes on from the model of the one before. Running it again resumes; the last is WORK/math-tiny.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).with_name("train.py")
STAGES = {
    "problems": "--steps 4000",
    "copies": "--schedule retrieval --steps 1800 --every 50 --decay 0.6",
    "math-tiny": "--schedule scrambled --steps 900 --every 50 --muon-lr 0.006 --adam-lr 1.2e-3",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train math-tiny from nothing (hours).")
    parser.add_argument("--work", type=Path, default=Path("work"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    start: list[str] = []
    for name, words in STAGES.items():
        out = options.work / name
        if not (out / "model.safetensors").exists():
            fixed = ["--out", str(out), "--threads", str(options.threads)]
            command = [sys.executable, str(TRAIN), *fixed, *start, *words.split()]
            subprocess.run(command, check=True)
        start = ["--start", str(out)]


if __name__ == "__main__":
    main()
