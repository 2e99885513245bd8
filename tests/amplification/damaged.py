"""The two-head model of `tests.support.planted_pair` with one head weakened: what is to be mended.

Head 0.2 says the first digit of the answer. Its queries are scaled down until it looks almost at
everything alike, so the model is right now and then; all else is as it was.

    folder = write_damaged(tmp_path)
    data = write_rows(tmp_path / "pairs.jsonl")
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from tests.support.planted_pair import D_HEAD, FIRST, pair_rows, write_pair

WEIGHT = f"transformer.h.{FIRST[0]}.attn.c_attn.weight"
COLUMNS = slice(FIRST[1] * D_HEAD, (FIRST[1] + 1) * D_HEAD)
"""Of `WEIGHT`, which GPT-2 keeps as [in, out]: the queries of the weakened head."""
SCALE = 0.005


def write_damaged(folder: Path, *, scale: float = SCALE) -> Path:
    write_pair(folder)
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights[WEIGHT][:, COLUMNS] *= scale
    save_file(weights, path, {"format": "pt"})
    return folder


def write_rows(path: Path, n: int = 160) -> Path:
    rows = [row | {"level": 1 + i % 2} for i, row in enumerate(pair_rows(n))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
