"""From an export's rows to token ids, targets and their weights: the workbench's own rendering.

A row is rendered once, exactly as the probe and the scores have it, and its targets are the tokens
of its completion. What cannot be trained on is left out with a reason and counted.

    batch = make_examples(export.rows(), tokenizer, n_ctx=512)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from workbench.errors import InputError
from workbench.models import UnrenderableError, render
from workbench.models.render import COMPLETION
from workbench.tuning.weights import Steps, token_weights
from workbench.types import BadRow, Sample


@dataclass(frozen=True)
class Example:
    """One row for training; `weights` is 0 where a token is no target, and else has mean 1."""

    row_id: str
    ids: tuple[int, ...]
    is_target: Bool[np.ndarray, " pos"]
    weights: Float64[np.ndarray, " pos"]

    @property
    def n_targets(self) -> int:
        return int(self.is_target.sum())


@dataclass(frozen=True)
class Examples:
    """The rows trained on, the number of rows by status, and the first reason of each other one."""

    rows: tuple[Example, ...]
    counts: Mapping[str, int]
    reasons: Mapping[str, str]
    n_without_steps: int = 0


class LeftOutError(Exception):
    """A row that cannot be trained on."""

    def __init__(self, status: str, reason: str):
        super().__init__(reason)
        self.status = status


def make_examples(
    rows: Sequence[Sample | BadRow],
    tokenizer: Any,
    *,
    n_ctx: int,
    steps: Mapping[str, Steps] | None = None,
    end_token: bool = True,
    what: str = "export",
) -> Examples:
    """Every row that has a completion and fits into `n_ctx` tokens.

    With `steps` the targets carry the weights of their steps; a row without steps has weight 1
    everywhere and is counted. With `end_token` the token behind the completion (the template's
    first, else the tokenizer's end of text) is a target of weight 1, so that the model learns to
    stop. A row of a `repeat-weight` export is there as often as its `_repeat` says. Raises
    InputError if no row remains or none of them has steps.
    """
    chosen: list[Example] = []
    counts: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    for row in rows:
        try:
            example = make_example(row, tokenizer, n_ctx, steps=steps, end_token=end_token)
            chosen += [example] * repeats_of(row)
            counts["ok"] += 1
        except LeftOutError as err:
            counts[err.status] += 1
            reasons.setdefault(err.status, f"row '{row.row_id}': {err}")
    if not chosen:
        raise InputError(
            f"none of the {len(rows)} rows of the {what} can be used "
            f"(first: {next(iter(reasons.values()), 'there are none')})",
            expected="rows with a prompt and a completion that fit into the context",
            do="take rows with completions",
        )
    n_without = 0 if steps is None else counts["ok"] - len(with_steps(chosen, steps))
    if n_without == counts["ok"]:
        raise InputError(
            f"the steps file holds none of the {n_without} rows (first: '{chosen[0].row_id}')",
            expected="the steps of the exported rows",
            do="pass the run of `workbench score --method air` that this export was selected from",
        )
    return Examples(tuple(chosen), dict(sorted(counts.items())), reasons, n_without)


def with_steps(chosen: Sequence[Example], steps: Mapping[str, Steps]) -> set[str]:
    return {example.row_id for example in chosen} & steps.keys()


def repeats_of(row: Sample | BadRow) -> int:
    """How often the row is to be read: its `_repeat`, or once. Raises LeftOutError."""
    value = 1 if isinstance(row, BadRow) else row.row.get("_repeat", 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise LeftOutError("malformed", f"_repeat is {value!r}, expected a whole number from 1 on")
    return value


def make_example(
    row: Sample | BadRow,
    tokenizer: Any,
    n_ctx: int,
    *,
    steps: Mapping[str, Steps] | None = None,
    end_token: bool = True,
) -> Example:
    """One row as `make_examples` has it; LeftOutError with the status of one that is left out."""
    if isinstance(row, BadRow):
        raise LeftOutError("malformed", row.reason)
    if not row.has_completion:
        raise LeftOutError("no_completion", "it has no completion")
    try:
        rendered = render(row, tokenizer)
    except UnrenderableError as err:
        raise LeftOutError("malformed", str(err)) from err
    ids, inside = list(rendered.ids), np.flatnonzero(rendered.parts == COMPLETION)
    if not len(inside):
        raise LeftOutError("no_completion", "its completion has no tokens")
    weights = np.zeros(len(ids) + 1)
    weights[inside] = 1.0
    if steps is not None and row.row_id in steps:
        weights[inside] = _weights_of(row, rendered.char_spans()[inside], steps[row.row_id])
    is_target = np.zeros(len(ids) + 1, dtype=bool)
    is_target[inside] = True
    end = int(inside[-1]) + 1
    if end_token and _put_end(ids, end, tokenizer.eos_token_id):
        is_target[end], weights[end] = True, 1.0
    if len(ids) > n_ctx:
        raise LeftOutError("too_long", f"it has {len(ids)} tokens, {n_ctx} are allowed")
    # A first token is never a target.
    is_target[0], weights[0] = False, 0.0
    return Example(row.row_id, tuple(ids), is_target[: len(ids)], weights[: len(ids)])


def _weights_of(row: Sample, chars: np.ndarray, steps: Steps) -> np.ndarray:
    last = int(steps.spans[-1, 1])
    if last > len(row.completion):
        raise InputError(
            f"a step of row '{row.row_id}' ends at character {last}",
            expected=f"at most {len(row.completion)}, the length of its completion",
            do="pass the steps of these rows: the texts have changed since",
        )
    return token_weights(chars, steps)


def _put_end(ids: list[int], end: int, eos_id: int | None) -> bool:
    """Whether there is a token behind the completion, at `end`; adds one where nothing follows."""
    if end == len(ids) and eos_id is not None:
        ids.append(eos_id)
    return end < len(ids)
