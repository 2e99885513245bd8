"""Which rows are read in which order, and how fast is learnt when: known before the first step.

Both depend on the seed and the step alone, so a resumed tuning needs nothing but its step number.

    row_order(8, n_needed=24, seed=0)
    learning_rate_factor(3, n_steps=10, options=options)
"""

from __future__ import annotations

import math

import numpy as np

from workbench.options import TuneOptions


def row_order(n_rows: int, *, n_needed: int, seed: int) -> list[int]:
    """Rounds over all rows, each in an order of its own, cut after `n_needed` rows."""
    order: list[int] = []
    for round_number in range(math.ceil(n_needed / n_rows)):
        order += np.random.default_rng([seed, round_number]).permutation(n_rows).tolist()
    return order[:n_needed]


def training_order(n_rows: int, options: TuneOptions) -> list[int]:
    """The rows of a whole training, in the order they are read."""
    n_needed = options.n_steps(n_rows) * options.rows_per_step
    return row_order(n_rows, n_needed=n_needed, seed=options.seed)


def training_batches(n_rows: int, options: TuneOptions) -> list[list[int]]:
    """The rows of every pass, in the order of `training_order`; `accumulate` passes are a step."""
    order, size = training_order(n_rows, options), options.batch_size
    return [order[first : first + size] for first in range(0, len(order), size)]


def learning_rate_factor(step: int, *, n_steps: int, options: TuneOptions) -> float:
    """Share of the learning rate in step `step` (from 0): a rise, then the schedule's descent.

    The rise ends, and the descent would reach 0, one step beyond the last, so no step is lost.
    """
    n_warmup = math.ceil(options.warmup * n_steps)
    if step < n_warmup:
        return (step + 1) / (n_warmup + 1)
    if options.schedule == "constant":
        return 1.0
    done = (step - n_warmup) / max(1, n_steps - n_warmup)
    return 0.5 * (1 + math.cos(math.pi * done)) if options.schedule == "cosine" else 1.0 - done
