"""A pool of short rows, scored and selected from, for trials on a tiny checkpoint.

made = Made(folder, checkpoint_folder)
made.selection("top", n=6)
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from workbench.data import write_jsonl
from workbench.options import TuneOptions
from workbench.scoring import ScoreRequest
from workbench.stages import (
    Asked,
    ModelSource,
    Place,
    SelectOptions,
    run_score,
    run_select,
)

N_ROWS = 30
TUNING = TuneOptions(lr=1e-2, batch_size=4)


def rows_of(n: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Rows of 20 to 60 tokens whose completions have nothing in common."""
    found = []
    for i in range(first, first + n):
        letters = random.Random(i)
        word = "".join(letters.choice("abcdefghijklmnop") for _ in range(6 + i % 12))
        found.append(
            {"id": f"row-{i}", "question": f"Say {i}{'!' * (i % 7)}", "answer": f"{word} #### {i}"}
        )
    return found


def write_tasks(folder: Path, problems: list[str]) -> str:
    """A folder with the task `parity` of lm-evaluation-harness: even or odd, by likelihood."""
    folder.mkdir()
    rows = folder / "rows.jsonl"
    write_jsonl(rows, [{"problem": problem} for problem in problems])
    task = {
        "task": "parity",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{problem}}",
        "doc_to_choice": ["even", "odd"],
        "doc_to_target": 0,
        "metric_list": [{"metric": "acc"}],
    }
    (folder / "parity.yaml").write_text(json.dumps(task))
    return str(folder)


class Made:
    """State: the runs folder, in which scores and selections are made when first asked for."""

    def __init__(self, folder: Path, checkpoint: Path):
        self.folder, self.place = folder, Place(folder / "runs")
        self.source = ModelSource(str(checkpoint), device="cpu")
        self.data = str(folder / "pool.jsonl")
        write_jsonl(folder / "pool.jsonl", rows_of(N_ROWS))
        self.scores = run_score(
            self.place, self.source, [self.data], ScoreRequest.of("length")
        ).result

    def selection(self, policy: str, **how: Any) -> Path:
        return run_select(self.place, self.scores, SelectOptions(policy, **how)).result

    def rows(self, selection: Path) -> list[dict[str, Any]]:
        """The selected rows as they stand in the data."""
        import pandas as pd

        chosen = set(pd.read_parquet(selection)["row_id"])
        return [row for row in rows_of(N_ROWS) if row["id"] in chosen]

    def eval_file(self, name: str, rows: list[dict[str, Any]]) -> str:
        write_jsonl(self.folder / name, rows)
        return str(self.folder / name)

    def asked(self, *selections: Path, rows: list[dict[str, Any]] | None = None) -> Asked:
        """Measured on rows that no arm reads, unless others are given."""
        name = f"eval-{len(rows or [])}.jsonl"
        return Asked(selections, [self.eval_file(name, rows or rows_of(8, first=100))])
