"""The tables of scores and of steps: names and types that every shard shares.

frame = over_pool(pd.concat([row_frame(records, method) for records in recorded]), method)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.data import LABELS
from workbench.scoring.method import Method, Step
from workbench.scoring.text_facts import FACTS
from workbench.scoring.within_length import score_within_length

STEP_TYPES = {
    "step": "int32",
    "start_char": "int32",
    "end_char": "int32",
    "n_tokens": "int32",
    "loss_base": "float64",
    "loss_weak": "float64",
    "score": "float64",
    "weight": "float64",
}


def row_frame(records: Sequence[dict[str, Any]], method: Method) -> pd.DataFrame:
    """Records as columns of fixed types, before what the whole pool adds."""
    extra = [*LABELS, *FACTS, *method.columns]
    names = ["row_id", "row_index", "source", "n_tokens", "n_tokens_row", "score", "status"]
    frame = pd.DataFrame(records).reindex(columns=[*names, "reason", "row_sha256", *extra])
    types: dict[str, str] = {"row_index": "int64", "n_tokens": "int32", "n_tokens_row": "int32"}
    return frame.astype(types | dict.fromkeys(["score", *extra], "float64"))


def over_pool(frame: pd.DataFrame, method: Method) -> pd.DataFrame:
    """What takes the whole pool: the scores of a method that says so, and their percentiles."""
    if method.over_pool:
        is_scored = (frame["status"] == "ok").to_numpy()
        scores, _ = method.over_pool(frame.loc[is_scored])
        frame = frame.copy()
        frame.loc[is_scored, "score"] = scores
    return add_within_length(frame)


def add_within_length(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `score_within_length` beside `score`; a step over the whole pool."""
    percentiles = score_within_length(
        frame["score"].to_numpy(), frame["n_tokens"].to_numpy(), frame["row_id"].tolist()
    )
    place = list(frame.columns).index("score") + 1
    frame = frame.copy()
    frame.insert(place, "score_within_length", percentiles)
    return frame


def step_frame(row_ids: Sequence[str], steps: Sequence[Sequence[Step]]) -> pd.DataFrame:
    """The rows of `steps.parquet`, with fixed types also where there are none."""
    records = [
        {"row_id": row_id, "step": number, **step._asdict()}
        for row_id, of_row in zip(row_ids, steps, strict=True)
        for number, step in enumerate(of_row)
    ]
    frame = pd.DataFrame(records, columns=["row_id", *STEP_TYPES])
    return frame.astype({"row_id": "str", **STEP_TYPES})
