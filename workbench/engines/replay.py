"""Sets of heads without running anything twice: what both engines do alike.

One clean pass keeps the residual stream where sets begin; from there up the blocks run again, with
a copy of the batch for each set, as many copies together as fit.

    for numbers, outcomes in engine.set_outcomes(ids, counted, [(), circuit.heads]):
        outcomes.losses[: len(ids)]      # of the first of the sets `numbers`
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.engines.base import Move, Outcomes
from workbench.engines.memory import DidNotFit, Memory, attempt
from workbench.engines.outcomes import token_outcomes
from workbench.errors import NoRoomError
from workbench.models import UNIFORM, BlockInputs, Donors, Intervention, Model, RowEdits
from workbench.models import chosen_heads as rows_of_sets
from workbench.types import Head


class ReplayEngine(ABC):
    """A network as blocks that can be run again; what differs between engines is abstract.

    State: what turned out not to fit (`memory`), what was measured of other samples (`kept`), and
    the edits of the passes under way.
    """

    name: ClassVar[str]
    # What a pass of several copies is limited by, for the record of what did not fit.
    folded: ClassVar[str]

    def __init__(
        self, model: Model, *, memory: Memory | None = None, found: Mapping[str, Any] | None = None
    ) -> None:
        self.model = model
        self.memory = memory or Memory(model.length_group)
        self.kept: dict[Any, Any] = {}
        self.found: dict[str, Any] = {"name": self.name, **(found or {})}

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**self.model.facts, "engine": self.found}

    @abstractmethod
    def capture(self, ids: Int[Tensor, "batch pos"], layers: Collection[int]) -> BlockInputs:
        """A clean pass; the residual stream before each of `layers`, and after the last block."""

    @abstractmethod
    def replay(
        self, inputs: BlockInputs, *, from_layer: int, copies: int
    ) -> Float[Tensor, "copies_batch pos d_model"]:
        """The residual stream after the last block, under the edits that are set."""

    @abstractmethod
    def replay_moved(
        self, inputs: BlockInputs, *, layer: int, move: Move
    ) -> Float[Tensor, "batch pos d_model"]:
        """The stream after the last block, with what the heads of a layer write moved."""

    @abstractmethod
    def logits(self, residual: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos vocab"]:
        """Logits of single positions, in float32."""

    @abstractmethod
    def editing(self, edits: RowEdits | None) -> AbstractContextManager[None]:
        """Passes inside are under these edits."""

    @abstractmethod
    def copy_size(self, n_batch: int, n_pos: int) -> tuple[int, int]:
        """What one copy of a batch takes of the most that a pass should, and that most."""

    def losses(
        self, ids: Int[Tensor, "batch pos"], counted: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos"]:
        return self.outcomes(self.capture(ids, ()).final, ids, counted).losses

    def outcomes(
        self,
        residual: Float[Tensor, "row pos d_model"],
        ids: Int[Tensor, "row pos"],
        counted: Bool[Tensor, "row pos"],
    ) -> Outcomes:
        """Losses and hits from the residual stream after the last block."""
        return token_outcomes(
            self.logits, residual, ids, counted, n_vocab=self.model.hooked.cfg.d_vocab
        )

    def set_outcomes(
        self,
        ids: Int[Tensor, "batch pos"],
        counted: Bool[Tensor, "batch pos"],
        sets: Sequence[Sequence[Head]],
        *,
        kind: Intervention = UNIFORM,
        donors: Donors | None = None,
    ) -> Iterator[tuple[list[int], Outcomes]]:
        empty, by_start = _by_start(sets)
        inputs = self.capture(ids, by_start)
        if empty:
            clean = self.outcomes(inputs.final, ids, counted)
            for number in empty:
                yield [number], clean
        for start, numbers in sorted(by_start.items()):
            while numbers:
                some = self._that_fit(numbers, ids)

                def work(some: list[int] = some, start: int = start) -> Outcomes:
                    edits = self._edits([sets[i] for i in some], len(ids), kind, donors)
                    with self.editing(edits):
                        final = self.replay(inputs, from_layer=start, copies=len(some))
                    copies = (len(some), 1)
                    return self.outcomes(final, ids.repeat(copies), counted.repeat(copies))

                found = attempt(work)
                if not isinstance(found, DidNotFit):
                    yield some, found
                    numbers = numbers[len(some) :]
                else:
                    self._halve(len(some), ids, found.reason)
            del inputs.residuals[start]

    def _edits(
        self,
        sets: Sequence[Sequence[Head]],
        n_batch: int,
        kind: Intervention,
        donors: Donors | None,
    ) -> RowEdits:
        chosen = rows_of_sets(sets, self.model, n_batch=n_batch)
        samples = torch.arange(n_batch).repeat(len(sets))
        return RowEdits(kind, chosen, samples=samples, donors=donors)

    def _that_fit(self, numbers: list[int], ids: Tensor) -> list[int]:
        size, most = self.copy_size(*ids.shape)
        return numbers[: max(1, self.memory.limit(self.folded, most) // size)]

    def _halve(self, copies: int, ids: Tensor, reason: str) -> None:
        """Remember what did not fit; NoRoomError where it was a single copy."""
        if copies == 1:
            n_batch, n_pos = ids.shape
            raise NoRoomError(f"a batch of {n_batch} x {n_pos} tokens", reason=reason)
        self.memory.halve(self.folded, copies * self.copy_size(*ids.shape)[0], reason)


def _by_start(sets: Sequence[Sequence[Head]]) -> tuple[list[int], dict[int, list[int]]]:
    """Numbers of the sets without heads, and of the others by their lowest layer."""
    empty: list[int] = []
    by_start: dict[int, list[int]] = {}
    for number, heads in enumerate(sets):
        if heads:
            by_start.setdefault(min(head.layer for head in heads), []).append(number)
        else:
            empty.append(number)
    return empty, by_start
