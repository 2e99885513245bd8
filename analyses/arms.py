"""The arms of the comparison: what is scored, how rows are drawn, and the export of each arm.

folder = export_arm(study, scores, ARMS["CS soft"], seed=0)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.shared import Study
from workbench.data import read_usable
from workbench.selection import export_selection
from workbench.stages import SelectOptions, read_scores, run_export, run_select


@dataclass(frozen=True)
class Arm:
    """Scores by `method` (circuitseer: column `variant`), drawn by `select`."""

    method: str
    select: SelectOptions
    variant: str = "paper"


def _by(policy: str, method: str, *, variant: str = "paper", adjust: str = "none") -> Arm:
    return Arm(method, SelectOptions(policy, fraction=0.1, adjust=adjust), variant)


EVERYTHING = "everything, same steps"
ARMS = {
    "CS soft": _by("soft", "circuitseer"),
    "CS soft, free of length": _by("soft", "circuitseer", adjust="length"),
    "CS top": _by("top", "circuitseer"),
    "CS bottom": _by("bottom", "circuitseer"),
    "CS excess top": _by("top", "circuitseer", variant="excess"),
    "random": _by("random", "random"),
    "loss top": _by("top", "loss"),
    "IFD top": _by("top", "ifd"),
    "AttentionInfluence top": _by("top", "attention-influence"),
    "AIR top": _by("top", "air"),
    EVERYTHING: Arm("random", SelectOptions("random", fraction=1.0)),
}
MATCHED = "random, lengths of CS soft"
# How many neighbours in length, as a share of the pool, a row is replaced from.
NEIGHBOURS = 0.05


def export_arm(study: Study, scores: Path, arm: Arm, *, name: str, seed: int) -> Path:
    """The folder that `workbench tune` reads: the arm's rows as JSONL."""
    folder = study.work / "exports" / f"{name}-{seed}".replace(" ", "_").replace(",", "")
    if not folder.exists():
        selected = run_select(study.place, scores, replace(arm.select, seed=seed))
        run_export(study.place, selected.result, folder)
    return folder


def export_matched(study: Study, scores: Path, pool: str, *, seed: int) -> Path:
    """Random rows with the lengths of `CS soft`: each of its rows replaced by a near one."""
    folder = study.work / "exports" / f"matched-{seed}"
    if folder.exists():
        return folder
    soft = run_select(study.place, scores, replace(ARMS["CS soft"].select, seed=seed))
    chosen = pd.read_parquet(soft.result)["row_id"].tolist()
    frame = read_scores(scores).query("status == 'ok'")
    rows = matched_rows(frame, chosen, np.random.default_rng(seed))
    drawn = pd.DataFrame({"row_id": rows, "score": 0.0, "p": 0.1, "rank": range(1, len(rows) + 1)})
    export_selection(
        read_usable([pool]),
        drawn,
        folder,
        provenance={"method": "random", "policy": "lengths of a soft selection", "seed": seed},
        name=folder.name,
    )
    return folder


def matched_rows(frame: pd.DataFrame, chosen: list[str], rng: np.random.Generator) -> list[str]:
    """For each chosen row another of nearly its length, each at most once."""
    ordered = frame.sort_values(["n_tokens", "row_id"])["row_id"].tolist()
    place = {row: i for i, row in enumerate(ordered)}
    width = max(10, int(NEIGHBOURS * len(ordered)))
    taken: set[int] = set()
    rows = []
    for row in chosen:
        low = max(0, min(place[row] - width // 2, len(ordered) - width))
        free = [i for i in range(low, min(low + width, len(ordered))) if i not in taken]
        spot = int(rng.choice(free or [i for i in range(len(ordered)) if i not in taken]))
        taken.add(spot)
        rows.append(ordered[spot])
    return rows
