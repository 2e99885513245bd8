"""What an engine is: the passes that stages ask for, whatever computes them.

    engine = choose_engine(load_model("math-tiny"))      # fused where it agrees, else hooked
    losses = engine.losses(ids, counted)
    for numbers, found in engine.set_outcomes(ids, counted, [(), circuit.heads]):
        found.losses

`hooked` is the reference: TransformerLens, any model, any intervention. `fused` runs the same
weights by SDPA and holds no pattern of all queries and keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from workbench.engines.memory import Memory
from workbench.models import UNIFORM, BlockInputs, Donors, Intervention, Model, RowEdits
from workbench.types import Head

Move = Callable[[Tensor, Tensor], Tensor]
"""What heads write in place of `outputs`: of the values that each key has, and of the outputs."""


@dataclass(frozen=True)
class Outcomes:
    """Of the counted tokens: cross-entropy in nats, and whether they are the most likely ones.

    Zero and True elsewhere. `row` are samples, or samples under each of several sets (copy-major);
    `final` is their residual stream after the last block, from which `Engine.logits` goes on.
    """

    losses: Float[Tensor, "row pos"]
    hits: Bool[Tensor, "row pos"]
    final: Float[Tensor, "row pos d_model"]


@runtime_checkable
class Decoder(Protocol):
    """What decoding needs of a network: next tokens of rows that share a position."""

    @property
    def model(self) -> Any: ...

    def new_cache(self) -> Any | None:
        """An empty cache of keys and values; None where a pass reads the whole text again."""
        ...

    def next_logits(self, ids: Int[Tensor, "row pos"], cache: Any) -> Float[Tensor, "row vocab"]:
        """Logits after the last of `ids`, in float32; the cache has grown by them."""
        ...

    def editing(self, edits: RowEdits | None) -> AbstractContextManager[None]:
        """Passes inside are under these edits."""
        ...


@runtime_checkable
class Engine(Decoder, Protocol):
    """How a pass is run. Token ids are padded on the right; `counted` marks target tokens."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> Model: ...

    @property
    def memory(self) -> Memory:
        """What turned out not to fit; the hooked and the fused engine of a model may share it."""
        ...

    @property
    def kept(self) -> dict[Any, Any]:
        """What passes over other samples gave last; it holds while the weights stay as they are."""
        ...

    @property
    def found(self) -> Mapping[str, Any]:
        """The name, and what speaks for this engine or against the other."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """Those of the model, and as `engine` what was `found`."""
        ...

    def losses(
        self, ids: Int[Tensor, "batch pos"], counted: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos"]:
        """Next-token losses of the counted tokens in nats, zero elsewhere."""
        ...

    def set_outcomes(
        self,
        ids: Int[Tensor, "batch pos"],
        counted: Bool[Tensor, "batch pos"],
        sets: Sequence[Sequence[Head]],
        *,
        kind: Intervention = UNIFORM,
        donors: Donors | None = None,
    ) -> Iterator[tuple[list[int], Outcomes]]:
        """Numbers of sets, and what becomes of the batch under each of these (copy-major).

        The heads of a set are edited together; an empty set is the clean model. Every set comes
        once, in the order of their lowest layers. Nothing below a set's lowest layer is run again.
        """
        ...

    def capture(self, ids: Int[Tensor, "batch pos"], layers: Collection[int]) -> BlockInputs:
        """A clean pass; the residual stream before each of `layers`, and after the last block."""
        ...

    def outcomes(
        self,
        residual: Float[Tensor, "row pos d_model"],
        ids: Int[Tensor, "row pos"],
        counted: Bool[Tensor, "row pos"],
    ) -> Outcomes:
        """Losses and hits from the residual stream after the last block."""
        ...

    def replay_moved(
        self, inputs: BlockInputs, *, layer: int, move: Move
    ) -> Float[Tensor, "batch pos d_model"]:
        """The stream after the last block with what `layer` writes moved; it can be derived by it.

        Of many positions the layers above run again in the backward pass and keep nothing.
        """
        ...

    def logits(self, residual: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos vocab"]:
        """Logits of single positions of the residual stream after the last block, in float32."""
        ...

    def columns(
        self,
        heads: Sequence[Head],
        ids: Int[Tensor, "batch pos"],
        spans: Int[Tensor, "span batch 2"],
    ) -> Float64[Tensor, "span batch circuit_head pos"]:
        """Mean attention that each key receives from each head within each span of tokens."""
        ...

    def outputs(
        self, ids: Int[Tensor, "batch pos"], layers: Sequence[int]
    ) -> dict[int, Float[Tensor, "batch pos head d_head"]]:
        """What the heads of these layers write, before the output projection."""
        ...

    @property
    def position_bytes(self) -> int:
        """Memory of one position of a batch, planned on the safe side."""
        ...
