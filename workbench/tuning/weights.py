"""From steps to token weights: how much each token of a completion counts in the loss.

steps = read_steps(steps_path, StepWeights("softmax", temperature=0.5))
weights = token_weights(chars, next(iter(steps.values())))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64

from workbench.errors import InputError, kind_of
from workbench.options import StepWeights
from workbench.options.tune import FILE
from workbench.scoring.steps import step_of_token
from workbench.scoring.weights import step_weights

COLUMNS = ("row_id", "step", "start_char", "end_char", "n_tokens", "score", "weight")
DO = "pass the run of `workbench score --method air` on these rows"


@dataclass(frozen=True)
class Steps:
    """The steps of one completion, in order: character spans (end exclusive) and weights."""

    spans: Int64[np.ndarray, "step 2"]
    weights: Float64[np.ndarray, " step"]


def token_weights(
    chars: Int64[np.ndarray, "token 2"], steps: Steps
) -> Float64[np.ndarray, " token"]:
    """Weight of each completion token, with mean 1 (docs/methods.md, Tuning).

    `chars` are the tokens' characters in the completion. A token has the weight of the step that
    holds its first character; one that no step holds goes with the step before it.
    """
    step = step_of_token(chars, [(int(start), int(end)) for start, end in steps.spans])
    weights = steps.weights[np.maximum(step, 0)]
    total = weights.sum()
    # All the weight may lie on steps so short that no token of this tokenizer begins in them.
    return weights * len(weights) / total if total > 0 else np.ones(len(weights))


def read_steps(path: Path, weights: StepWeights) -> Mapping[str, Steps]:
    """The steps of every row of a `steps.parquet`; InputError if it is none or a value is wrong."""
    try:
        table = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as err:
        raise InputError(
            f"the steps file '{path}' cannot be read as Parquet ({kind_of(err)})",
            expected="a steps.parquet",
            do=DO,
        ) from err
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"the steps file '{path}' has no column {', '.join(missing)}",
            expected=", ".join(COLUMNS),
            do=DO,
        )
    ordered = table.sort_values(["row_id", "step"], kind="stable")
    groups = ordered.groupby("row_id", sort=False)
    return {str(row_id): _steps_of(str(row_id), group, weights) for row_id, group in groups}


def _steps_of(row_id: str, group: pd.DataFrame, weights: StepWeights) -> Steps:
    spans = group[["start_char", "end_char"]].to_numpy(dtype=np.int64)
    if (spans[:, 0] < 0).any() or (spans[:, 0] >= spans[:, 1]).any():
        raise InputError(f"row '{row_id}' has a step without characters", do=DO)
    if (spans[1:, 0] < spans[:-1, 1]).any():
        raise InputError(f"the steps of row '{row_id}' overlap or are out of order", do=DO)
    if weights.rule == FILE:
        values = _numbers(row_id, group, "weight")
    else:
        values = step_weights(
            _numbers(row_id, group, "score"),
            group["n_tokens"].to_numpy(dtype=np.int64),
            rule=weights.rule,
            temperature=weights.temperature,
            top=weights.top,
        )
    if (values < 0).any() or not values.any():
        raise InputError(
            f"the step weights of row '{row_id}' are {', '.join(f'{v:g}' for v in values[:5])}",
            expected="numbers from 0 on, one of them above 0",
            do=DO,
        )
    return Steps(spans, values)


def _numbers(row_id: str, group: pd.DataFrame, column: str) -> Float64[np.ndarray, " step"]:
    values = group[column].to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(values).all():
        raise InputError(
            f"row '{row_id}' has a step without a {column}", expected="a finite number", do=DO
        )
    return values
