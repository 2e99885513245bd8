"""Put the real output of every command back into the README.

    python docs/make_readme.py [--work DIR]

Runs the `$ workbench` lines of README.md one after the other in an empty folder (minutes), then the
demo, and replaces the blocks below them. A folder kept with --work answers at once the next time.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
CONSOLE = re.compile(r"(?<=^```console\n)(\$ workbench .*?)(?=^```)", re.DOTALL | re.MULTILINE)
DEMO = re.compile(r"(?<=^```\n)5 Scores of the pool 'gsm8k'.*?(?=^```)", re.DOTALL | re.MULTILINE)


def output_of(command: str, folder: Path) -> str:
    words = shlex.split(command)[1:]
    print(command, file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "workbench.cli.main", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.replace(" (a finished run answered)", "")


def with_output(block: str, folder: Path) -> str:
    """The command lines of a block, each followed by what it prints."""
    lines = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{line}\n{output_of(line[2:], folder)}" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Real output for the README's commands.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.mkdtemp()))
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    text = README.read_text(encoding="utf-8")
    text = CONSOLE.sub(lambda found: with_output(found[1], work), text)
    stages = output_of("workbench demo", work).split("\n\n")
    (scores,) = (stage.strip() for stage in stages if stage.strip().startswith("5 Scores"))
    kept = [line for line in scores.splitlines() if not line.startswith(("demo/", "/"))]
    text = DEMO.sub(lambda _found: "\n".join(kept) + "\n", text)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
