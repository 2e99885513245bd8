"""Does what an update learnt at its own pivotal tokens hold at those of other problems?

    transfer(place.runs, base_folder)    one row a variant: right token preferred, before and after

Own: the pivotal tokens that the update was made from. Others: those of the other seeds, on problems
that the update's seed has not looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from workbench.amplification import OK, read_pivots
from workbench.runs import list_runs, read_manifest


@torch.no_grad()
def preferred(folder: Path, pivots: list[dict[str, Any]]) -> dict[str, bool]:
    """By row id: is the logit of the right token above that of the wrong one?"""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found = {}
    for row in pivots:
        ids = torch.tensor([np.asarray(row["prefix_ids"]).tolist()])
        logits = model(ids).logits[0, -1]
        found[row["row_id"]] = bool(logits[int(row["desired"])] > logits[int(row["undesired"])])
    return found


def transfer(runs: Path, base: Path) -> list[dict[str, Any]]:
    """Of every update that changed something: shares of right preferences before and after."""
    finished = [run for run in list_runs(runs) if run.status == "finished"]
    seeds = {
        run.name: read_pivots(run.path / "pivots.parquet")
        for run in finished
        if run.stage == "amplify-localize"
    }
    at_forks = {name: [r for r in rows if r["status"] == OK] for name, rows in seeds.items()}
    every = {row["row_id"]: row for rows in at_forks.values() for row in rows}
    before = preferred(base, list(every.values()))
    rows = []
    for run in finished:
        folder = run.path / "model"
        if not run.stage.startswith("amplify-update") or not folder.is_dir():
            continue
        (own,) = set(read_manifest(run.path)["parents"]) & seeds.keys()
        looked_at = {row["row_id"] for row in seeds[own]}
        mine = [row["row_id"] for row in at_forks[own]]
        others = [name for name in every if name not in looked_at]
        after = preferred(folder, list(every.values()))
        rows.append(
            {
                "variant": run.stage.removeprefix("amplify-update-"),
                "run": run.name,
                "n": [len(mine), len(others)],
                "before": [float(np.mean([before[i] for i in g])) for g in (mine, others)],
                "after": [float(np.mean([after[i] for i in g])) for g in (mine, others)],
            }
        )
    return rows


def transfer_table(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Means over the updates of each variant that changed anything."""
    cells = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        changed = [r for r in rows if r["variant"] == variant and r["after"] != r["before"]]
        if changed:
            shares = [
                np.mean([[r[w][g] for r in changed] for w in ("before", "after")], axis=1)
                for g in (0, 1)
            ]
            cells.append([variant, str(len(changed)), *(f"{b:.0%} to {a:.0%}" for b, a in shares)])
    return cells
