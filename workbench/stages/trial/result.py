"""What every arm of a trial measured, as parts of the run and as arrays of a report.

SCHEMA.field("loss")  # a column of losses.parquet
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.amplification import PlainNetwork
from workbench.errors import InputError
from workbench.stages.trial.prepared import Prepared
from workbench.trial import (
    UNTUNED,
    Arm,
    Evaluation,
    Measured,
    TaskOutcome,
    losses_of,
)

LOSSES, CURVES, TASKS = "losses", "curves", "tasks"
SCHEMA = pa.schema(
    [
        ("arm", pa.string()),
        ("seed", pa.int64()),
        ("row_id", pa.string()),
        ("loss", pa.float64()),
        ("right", pa.bool_()),
    ]
)
TASK_SCHEMA = pa.schema(
    [
        ("arm", pa.string()),
        ("seed", pa.int64()),
        ("measure", pa.string()),
        ("problem", pa.int64()),
        ("value", pa.float64()),
        ("higher_is_better", pa.bool_()),
    ]
)


def measured(network: PlainNetwork, evaluation: Evaluation, arm: str, seed: int | None) -> pa.Table:
    """A row a problem; `right` is null where no answer was asked for."""
    losses = losses_of(network, evaluation.rendered)
    if not np.isfinite(losses).all():
        raise InputError(f"the held-out loss after '{arm}' is no number", do="pass a smaller --lr")
    answered = [problem.row_id for problem in evaluation.problems]
    right = dict(zip(answered, evaluation.answers(network), strict=True))
    ids = evaluation.row_ids
    columns = [[arm] * len(ids), [seed] * len(ids), ids, losses.tolist(), [*map(right.get, ids)]]
    return pa.Table.from_arrays(
        [pa.array(c, kind) for c, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
    )


def measured_by_tasks(outcomes: Sequence[TaskOutcome], arm: str, seed: int | None) -> pa.Table:
    """A row a problem of each task."""
    frames = [
        pd.DataFrame(
            {
                "arm": arm,
                "seed": seed,
                "measure": outcome.measure,
                "problem": np.arange(len(outcome.values)),
                "value": outcome.values,
                "higher_is_better": outcome.is_higher_better,
            }
        )
        for outcome in outcomes
    ]
    return pa.Table.from_pandas(pd.concat(frames), schema=TASK_SCHEMA, preserve_index=False)


def measured_in(path: Path, ready: Prepared) -> Measured:
    """The parts as one array an arm: seeds by problems."""
    frame = pq.read_table(path).to_pandas()
    losses, right, untuned = {}, {}, {}
    for arm, rows in frame.groupby("arm", sort=False):
        n_seeds = 1 if arm == UNTUNED else len(ready.seeds)
        by_seed = rows["loss"].to_numpy(dtype=np.float64).reshape(n_seeds, -1)
        answered = rows.loc[rows["right"].notna().to_numpy(), "right"]
        answers = answered.to_numpy(dtype=np.float64).reshape(n_seeds, -1)
        if arm == UNTUNED:
            untuned = {"loss": by_seed, **({"accuracy": answers} if answers.size else {})}
            continue
        losses[str(arm)] = by_seed
        if answers.size:
            right[str(arm)] = answers
    return Measured(losses, right, untuned)


def with_tasks(found: Measured, path: Path, ready: Prepared) -> Measured:
    """What was found, and what the tasks gave."""
    frame = pq.read_table(path).to_pandas()
    tasks: dict[str, dict[str, np.ndarray]] = {}
    untuned = dict(found.untuned)
    for (measure, arm), rows in frame.groupby(["measure", "arm"], sort=False):
        values = rows["value"].to_numpy(dtype=np.float64)
        if arm == UNTUNED:
            untuned[str(measure)] = values.reshape(1, -1)
        else:
            by_arm = tasks.setdefault(str(measure), {})
            by_arm[str(arm)] = values.reshape(len(ready.seeds), -1)
    falling = frozenset(frame.loc[~frame["higher_is_better"].to_numpy(), "measure"])
    return dataclasses.replace(found, untuned=untuned, tasks=tasks, falling=falling)


def what_was_read(ready: Prepared) -> dict[str, dict[str, list[Any]]]:
    """Of each arm and seed: rows, tokens and targets read, and eval rows among them."""
    tested = {(sample.prompt, sample.completion) for sample in ready.evaluation.samples}
    return {
        arm.name: {
            name: list(values)
            for name, values in zip(
                ("n_rows", "tokens", "targets", "rounds", "n_eval_read"),
                zip(*_of_streams(ready, arm, tested), strict=True),
                strict=True,
            )
        }
        for arm in ready.arms
    }


def _of_streams(
    ready: Prepared, arm: Arm, tested: set[tuple[str, str]]
) -> Iterator[tuple[int, int, int, float, int]]:
    for seed in ready.seeds:
        stream = ready.streams[arm.name, seed]
        n_eval = len(tested & ready.corpus.texts(stream.row_ids))
        targets = sum(example.n_targets for example in stream.examples)
        yield stream.n_rows, stream.n_tokens, targets, stream.rounds, n_eval
