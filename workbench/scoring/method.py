"""A scoring method as one record: what the table, the plan, the command line and the pages ask.

    METHOD = Method(
        name="length", measures="tokens of the part", bias="Longer rows are read for longer.",
        score=score, sequences=up_to_part, passes=never, runs_model=False,
    )

A method's file loads nothing heavy: what runs the model is imported in the function that runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.types import Circuit, Head, Sample

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest

PARTS = ("prompt", "completion", "all", "reasoning", "answer")


class Step(NamedTuple):
    """A step: characters of the completion, counted tokens, losses in nats a token, weight."""

    start_char: int
    end_char: int
    n_tokens: int
    loss_base: float
    loss_weak: float
    score: float
    weight: float


class Scored(NamedTuple):
    """One row: its columns, `score` among them, and its steps if the method has any."""

    columns: dict[str, float]
    steps: tuple[Step, ...] = ()


Scorer = Callable[
    ["Engine", "Circuit | None", Sequence[Sample], Sequence["Rendered"], "ScoreRequest"],
    list[Scored],
]
TooShort = Callable[[Sample, "Rendered", "ScoreRequest", int], str]
Sequences = Callable[["Rendered", str, int], list[int]]
Passes = Callable[["Circuit | None", int], float]
Extras = Callable[["ScoreRequest", int], dict[str, Any]]
OverPool = Callable[["pd.DataFrame"], "tuple[np.ndarray, dict[str, Any]]"]


def up_to_part(rendered: Rendered, part: str, n_ctx: int) -> list[int]:
    """One sequence, up to the last token of the part."""
    return [rendered.window(part)[1]]


def whole(rendered: Rendered, part: str, n_ctx: int) -> list[int]:
    """One sequence, the whole row."""
    return [len(rendered.ids)]


def never(circuit: Circuit | None, n_layers: int) -> float:
    return 0.0


def once(circuit: Circuit | None, n_layers: int) -> float:
    return 1.0


def weakened(circuit: Circuit | None, n_layers: int) -> float:
    """A clean pass, and the layers from the circuit's first on with its heads made uniform."""
    return 1 + (n_layers - min(head.layer for head in heads_of(circuit))) / n_layers


def heads_of(circuit: Circuit | None) -> tuple[Head, ...]:
    """The heads of a circuit, which a method that needs heads is always given."""
    if circuit is None:
        raise ValueError("there is no circuit, expected `check_request` to have asked for one")
    return circuit.heads


def window_tokens(rendered: Rendered, part: str) -> int:
    """Tokens of the sequence that a score over `part` is taken on, leading template tokens too."""
    start, end = rendered.window(part)
    return end - start


def too_few(n: int, of: str, *, needed: int = 1) -> str:
    """Why `n` tokens are too few; empty when they are enough."""
    return "" if n >= needed else f"{n} tokens of {of}, at least {needed} are needed"


def any_token(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """A part without a single token is too short."""
    return too_few(window_tokens(rendered, request.scored_part), request.scored_part)


def counted_token(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """A part without a token that is predicted is too short; nothing predicts a first token."""
    return too_few(int(rendered.counted(request.scored_part)[1:].sum()), request.scored_part)


def no_extras(request: ScoreRequest, n_ctx: int) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class NoOptions:
    """A method that is asked nothing of its own."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method's facts; its name, its function and what the function costs have no default.

    `measures` says what the number is and where it points, `bias` what else moves it. `sequences`
    are the lengths a row is run at, given its tokens, the part and the model's context, where the
    longest must fit; `passes` full passes are made over them. `too_short` says why a row (given the
    request and the context) has no score; empty where it has one. `columns` hold numbers; those in
    `correlated` are held against length and labels. A score that comes out as no number has
    divided by the column `divisor`, if that is 0; the second word is what a reader calls it.
    `is_loss`: the score is the loss, up to its sign, so `--with-loss` adds nothing; `known_loss`
    names a column that goes with the row's loss. `over_pool` makes the final scores of the scored
    rows out of all of them, and says how. `extras` belong into the summary, `details` into the
    manifest. Of the method's `options` an export names those in
    `exported`, and the value of `variant` tells runs apart.
    """

    name: str
    measures: str
    bias: str
    score: Scorer
    sequences: Sequences
    passes: Passes
    too_short: TooShort = any_token
    options: type = NoOptions
    part: str = "prompt"
    parts: tuple[str, ...] = PARTS
    needs_heads: bool = False
    runs_model: bool = True
    is_loss: bool = False
    known_loss: str | None = None
    has_steps: bool = False
    columns: tuple[str, ...] = ()
    correlated: tuple[str, ...] = ("score",)
    divisor: tuple[str, str] | None = None
    over_pool: OverPool | None = None
    extras: Extras = no_extras
    details: Mapping[str, Any] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    variant: str | None = None
