"""Batches of rows of similar length, so that little of a batch is padding.

for batch in batches_by_length(lengths, max_tokens=4096): ...
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import InputError


def batches_by_length(lengths: Sequence[int], *, max_tokens: int) -> list[list[int]]:
    """Indices into `lengths`, shortest first, in batches of rows * longest <= `max_tokens`.

    A row longer than `max_tokens` is a batch of its own. Rows of one length keep their order.
    """
    if max_tokens < 1:
        raise InputError(f"batch size is {max_tokens} tokens", expected="at least 1", do="try 4096")
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        # The newest row is the longest, so it alone sets the width of the batch.
        if not batches or (len(batches[-1]) + 1) * lengths[index] > max_tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """The share of all batch positions that hold padding, in [0, 1)."""
    real = sum(lengths[index] for batch in batches for index in batch)
    wide = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches if batch)
    return 1 - real / wide if wide else 0.0
