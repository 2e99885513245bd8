"""What lies in the folder that a usage line runs in: pools, finished runs, an export, rows.

A fresh folder for each line, so that none sees what another made:

    files = Folder(home, public)
    files.fresh(folder)
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq

from tests.tuning.exports import write_export

ROOT = Path(__file__).resolve().parents[3]
# Rows of each bundled pool that the lines may read.
POOLS = {"generated": 60, "gsm8k": 24, "math": 24, "text": 60}
N_PIVOTS = 24
HASH = "1a2b3c4d"


def cut_pools(folder: Path) -> dict[str, str]:
    """The first rows of every bundled pool, by name."""
    folder.mkdir()
    for name, n in POOLS.items():
        with gzip.open(ROOT / f"data/pools/{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            (folder / f"{name}.jsonl").write_text("".join(islice(file, n)), encoding="utf-8")
    return {name: str(folder / f"{name}.jsonl") for name in POOLS}


def copy_runs(folder: Path) -> None:
    """The bundled finished runs; each also as `<stage>-1a2b3c4d`."""
    shutil.copytree(ROOT / "data/demo_runs", folder)
    for path in sorted(folder.iterdir()):
        alias = folder / f"{path.name.rpartition('-')[0]}-{HASH}"
        if not alias.exists():
            alias.symlink_to(path.name)
    shorten(folder / f"amplify-localize-{HASH}")


def shorten(localized: Path) -> None:
    """A few pivotal tokens, and answers of a few tokens: whole ones take seconds to decode."""
    table, summary = localized / "pivots.parquet", localized / "pivots.json"
    pq.write_table(pq.read_table(table).slice(0, N_PIVOTS), table)
    content = json.loads(summary.read_text(encoding="utf-8"))
    summary.write_text(json.dumps({**content, "max_new_tokens": 4}), encoding="utf-8")


def link_all(folder: Path, target: Path) -> None:
    """`folder` with a link to everything in `target`."""
    folder.mkdir()
    for path in target.iterdir():
        (folder / path.name).symlink_to(path)


class Folder:
    """Below `home`: the pools, the runs that words are made from, what a line's folder begins as.

    `public` has what the packages show, wherever it lies.
    """

    def __init__(self, home: Path, public: SimpleNamespace):
        self.home, self.public, self.original = home, public, home / "original"
        self.pools = cut_pools(home / "pools")
        copy_runs(home / "runs")
        self.original.mkdir()
        link_all(self.original / "runs", home / "runs")
        rows = [{"problem": f"{i} + {i}?", "solution": f"{2 * i}"} for i in range(4)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.original / "my").mkdir()
        (self.original / "my/sums.jsonl").write_text(text, encoding="utf-8")
        (self.original / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
        write_export(self.original / "subset")

    def fresh(self, folder: Path) -> None:
        """What every line finds; the bundled runs are links."""
        shutil.copytree(self.original, folder, symlinks=True, dirs_exist_ok=True)

    def finished(self, start: str) -> Path:
        """The bundled run whose name begins so."""
        return self.home / "runs" / f"{start}-{HASH}"

    @property
    def run_folder(self):
        return Path(tempfile.mkdtemp(dir=self.home))

    @property
    def out(self):
        """A folder that is not there yet."""
        return self.run_folder / "out"
