"""Batches that do not fit the device are halved, and none as large is tried again.

    for piece, losses in engine.memory.pieces(batch, lengths, work): ...
    engine.memory.halvings  # what was halved, for the manifest

A row's numbers do not depend on its batch, so halving changes nothing but the time it takes. Where
they would, because a model looks at the length of a text, such rows are parted here as well.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import torch

from workbench.errors import NoRoomError, first_line

T = TypeVar("T")
POSITIONS, PATTERNS = "positions of a batch", "pattern values of a pass"
# How a refusal begins where there is no class for it: the CPU's allocator, and Apple's.
REFUSALS = ("can't allocate memory", "out of memory")


@dataclass(frozen=True)
class DidNotFit:
    """Work was given up for want of memory."""

    reason: str


class Memory:
    """What has turned out to be too much; one for an engine.

    `group` of a length tells apart what may not share a batch (`Model.length_group`).
    """

    def __init__(self, group: Callable[[int], int] = lambda n_pos: 0) -> None:
        self.group = group
        self.limits: dict[str, int] = {}
        self.halvings: list[dict[str, Any]] = []

    def limit(self, kind: str, otherwise: int) -> int:
        """The most that may be tried of a kind: `otherwise`, or less where that did not fit."""
        return min(otherwise, self.limits.get(kind, otherwise))

    def halve(self, kind: str, size: int, reason: str) -> None:
        self.limits[kind] = max(1, size // 2)
        self.halvings.append({"kind": kind, "tried": size, "most": size // 2, "reason": reason})

    def pieces(
        self, batch: Sequence[int], lengths: Sequence[int], work: Callable[[list[int]], T]
    ) -> list[tuple[list[int], T]]:
        """`work` of the whole batch, or of as few parts of it as may and fit, in the batch's order.

        `lengths[i]` is the tokens of row i. Raises NoRoomError where a single row does not fit.
        """
        waiting: list[list[int]] = [
            list(alike) for _, alike in groupby(batch, key=lambda i: self.group(lengths[i]))
        ]
        done: list[tuple[list[int], T]] = []
        while waiting:
            piece = waiting.pop(0)
            size = len(piece) * max((lengths[i] for i in piece), default=0)
            if len(piece) > 1 and size > self.limit(POSITIONS, size):
                waiting[:0] = _halves(piece)
                continue
            result = attempt(partial(work, piece))
            if not isinstance(result, DidNotFit):
                done.append((piece, result))
            elif len(piece) > 1:
                self.halve(POSITIONS, size, result.reason)
                waiting[:0] = _halves(piece)
            else:
                raise NoRoomError(f"one row of {size} tokens", reason=result.reason)
        return done


def _halves(piece: list[int]) -> list[list[int]]:
    middle = (len(piece) + 1) // 2
    return [piece[:middle], piece[middle:]]


def attempt(work: Callable[[], T]) -> T | DidNotFit:
    """The result of `work`, or that memory did not suffice; its tensors are then free again."""
    try:
        return work()
    except (RuntimeError, MemoryError, NoRoomError) as err:
        if not is_out_of_memory(err):
            raise
        reason = err.reason if isinstance(err, NoRoomError) else first_line(err)
    # Only here: the exception held every tensor of the failed pass.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return DidNotFit(reason)


def is_out_of_memory(err: BaseException) -> bool:
    """Whether a device or the system refused memory (a CPU's refusal is a plain RuntimeError)."""
    if isinstance(err, torch.OutOfMemoryError | MemoryError | NoRoomError):
        return True
    said = str(err).lower()
    return isinstance(err, RuntimeError) and any(refusal in said for refusal in REFUSALS)
