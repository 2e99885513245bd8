"""Large score tables: every page opens, and each interaction is quick in little memory.

The figures of the last test are what docs/app.md quotes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.reading.scores import ScoreTable, Where
from apps.reading.texts import Texts
from apps.views.select.pool import preview_pool
from tests.apps.conftest import APP, open_page, words
from workbench.figures import histogram

FLOATS = ("paper", "paper_no_sink", "cv2", "cv2_no_sink", "excess", "excess_no_sink")


def write_large(root: Path, n_rows: int) -> Path:
    """The chain's score run with `n_rows` rows that stand in no data."""
    folder = next(root.glob("score-*"))
    rng = np.random.default_rng(0)
    tokens = rng.integers(20, 400, n_rows).astype("int32")
    columns = {
        "row_id": [hashlib.sha256(str(i).encode()).hexdigest() for i in range(n_rows)],
        "row_index": np.arange(n_rows),
        "source": rng.choice(["a", "b", "c"], n_rows),
        "n_tokens": tokens,
        "n_tokens_row": tokens * 2,
        "score": rng.gamma(2, 1, n_rows) / tokens,
        "score_within_length": rng.random(n_rows),
        "status": np.where(np.arange(n_rows) % 100, "ok", "too_short"),
        "reason": [""] * n_rows,
        "level": rng.integers(1, 6, n_rows).astype("float64"),
        **{name: rng.gamma(2, 1, n_rows) for name in FLOATS},
    }
    pq.write_table(pa.table(columns), folder / "scores.parquet", compression="zstd")
    return folder


@pytest.mark.parametrize("page", ["", "tokens", "samples", "select"])
def test_every_page_opens_a_table_of_100_000_rows(copied, page):
    write_large(copied, 100_000)
    at = open_page(page)
    if page == "tokens":
        # These rows stand in no data, so the page offers all places and has no text to show.
        assert "Place (1 to 99,000)" in [number.label for number in at.number_input]
        return
    assert at.metric
    assert "Rows scored 99,000" in words(at) or page != "samples"


@pytest.mark.slow
def test_a_million_rows_are_quick_and_small(copied, tmp_path):
    n_rows = 1_000_000
    folder = write_large(copied, n_rows)
    texts = tmp_path / "texts.jsonl"
    with texts.open("w") as file:
        for i in range(n_rows):
            text = {"id": str(i), "problem": f"Problem {i}: how many apples?", "solution": str(i)}
            file.write(json.dumps(text) + "\n")
    build_index(texts, tmp_path / "texts.arrow")
    before = resident_mb()
    began = time.perf_counter()
    table = ScoreTable.open(folder / "scores.parquet")
    first = table.page(table.ok, order="score", limit=50)
    table.rows(first, ["row_id", "source", "n_tokens"])
    seconds = {"open": time.perf_counter() - began}
    found = Texts(pa.ipc.open_file(pa.memory_map(str(tmp_path / "texts.arrow"))).read_all(), "t")
    low, high = 0.01, 0.02
    some = table.places(Where(score=(low, high), sources=("a",)))
    actions = {
        "range": lambda: table.places(Where(score=(low, high))),
        "source and length": lambda: table.places(Where(tokens=(50, 90), sources=("b",))),
        "page": lambda: table.rows(table.page(some, order="score", limit=50), ["row_id", "score"]),
        "other order": lambda: table.page(some, order="n_tokens", limit=50, offset=5000),
        "histogram": lambda: histogram(table.scored("score"), (0.0, 0.1), 60),
        "texts of a page": lambda: found.prompts(range(0, 500_000, 10_000), [""] * 50),
        "search": lambda: found.search("PROBLEM 77"),
        "preview": lambda: preview(table),
    }
    for name, act in actions.items():
        cpu = time.process_time()
        act()
        seconds[name] = time.process_time() - cpu
    grown = resident_mb() - before
    print({name: round(value, 3) for name, value in seconds.items()}, f"{grown:.0f} MB")
    assert max(value for name, value in seconds.items() if name != "open") < 1.0
    # What a server with a loaded model holds besides is about 700 MB.
    assert grown < 800


def build_index(texts: Path, out: Path) -> None:
    """In a process where signatures are not checked: that costs six times the work itself."""
    code = "import sys; from pathlib import Path; from apps.reading import text_index as index; "
    code += "from workbench.options import ReadOptions; "
    code += "index.build([sys.argv[1]], ReadOptions(), out=Path(sys.argv[2]))"
    subprocess.run(
        [sys.executable, "-c", code, str(texts), str(out)], cwd=APP.parents[1], check=True
    )


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def preview(table) -> None:
    from workbench import selection

    pool = preview_pool(table, None)
    selection.select(pool.frame, policy="soft", fraction=0.1)
