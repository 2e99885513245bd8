"""The words of the workbench: what passes from one stage to the next.

Every class here is a frozen record without behaviour beyond its own consistency; the stages that
make and read them are in the packages of the same subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Progress = Callable[[int, int, str], None]
"""`on_progress(done, total, text)`: called by every long loop."""


def no_progress(done: int, total: int, text: str) -> None:
    """Say nothing."""


class Head(NamedTuple):
    """A query head."""

    layer: int
    head: int


class Message(NamedTuple):
    """One turn; `role` is system, user, assistant or tool.

    Reasoning stands in a think block at the head of the content. `more` is what a chat template may
    read beside it: `tool_calls` of an assistant, `name` and `tool_call_id` of a tool.
    """

    role: str
    content: str
    more: Mapping[str, Any] | None = None


TOOLS_READER = 1
"""How the functions of a row are read: a run that read some in another way cannot answer."""


@dataclass(frozen=True)
class Sample:
    """One row of a dataset: either `messages` or plain `text`, and the untouched original `row`.

    `row_id` is the row's own `id`, else a sha256 of its canonical content; `row_index` its place
    in the input; `shape` the recognised row shape; `source` where it came from. `answer` is the
    checkable answer where it stands in another column than `answer`; `tools` are the functions that
    a chat template is told of.
    """

    row_id: str
    row_index: int
    source: str
    shape: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    answer: str | None = None
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def prompt(self) -> str:
        """Everything before the last assistant turn; the whole text of a plain-text row."""
        if self.text is not None:
            return self.text
        return "\n".join(message.content for message in self.prompt_messages)

    @property
    def prompt_messages(self) -> tuple[Message, ...]:
        return self.messages[:-1] if self.has_completion else self.messages

    @property
    def completion(self) -> str:
        """The last assistant turn; empty for plain text."""
        return self.messages[-1].content if self.has_completion else ""

    @property
    def has_completion(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "assistant"


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read, with the reason; counted, never silently dropped."""

    row_id: str
    row_index: int
    source: str
    reason: str


@dataclass(frozen=True)
class ProbeSet:
    """The samples a circuit is looked for on, and how they were chosen."""

    samples: tuple[Sample, ...]
    strategy: str
    seed: int
    trim: float = 0.0
    losses: tuple[float, ...] | None = None


@dataclass(frozen=True)
class HeadScore:
    """What ablating one head costs: mean loss increase in nats a token, with its interval.

    `rank` 1 is the costliest (after a race its winners come first); `stability` is the share of
    bootstrap resamples of the probe in which the head is among the selected. With a control probe
    also the loss increase there, and the difference of both in shares of the loss (docs/methods.md,
    Contrast). A search that runs heads on some samples only says on how many the delta rests and
    what it is: of the whole `probe`, of a `sample` drawn from it (after gradients with what they
    tell of the rest), or a `gradient`'s estimate.

    Of the circuit and the heads next in rank also the `contribution` (loss increase with the output
    at its mean), the `sink_share` of the head's attention that lies on the first token, and whether
    it is `idle`: uniform attention costs something and taking its output away nothing. None where
    that was not measured. Of a consensus also the share of settings that have `kept` the head.
    """

    layer: int
    head: int
    delta: float
    ci_low: float
    ci_high: float
    rank: int
    selected: bool
    stability: float = 0.0
    control_delta: float | None = None
    contrast: float | None = None
    n_samples: int | None = None
    basis: str | None = None
    contribution: float | None = None
    sink_share: float | None = None
    idle: bool | None = None
    kept: float | None = None


@dataclass(frozen=True)
class ModelInfo:
    """Which model a result belongs to.

    `config_sha256` covers what the configuration says of the computation; empty where unknown.
    """

    id: str
    revision: str | None
    weights_sha256: str
    n_layers: int
    n_heads: int
    config_sha256: str = ""


@dataclass(frozen=True)
class HeadScores:
    """Importance of every head of a model on a probe.

    `ablation` is the kind that the deltas are of (`none` for retrieval scores); `rank_by` what the
    circuit was chosen by: `delta`, `contrast`, `contribution`, or `both` (the smaller of delta and
    contribution), of a consensus `kept`; `control` says what the control probe was, if there was
    one; `search` what a race was run with and how sure it is; `robust` what a consensus is of.
    """

    model: ModelInfo
    method: str
    probe: Mapping[str, Any]
    base_loss: float
    n_samples: int
    heads: tuple[HeadScore, ...]
    ablation: str = "uniform-causal"
    rank_by: str = "delta"
    control: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    robust: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Circuit:
    """The heads that are read or made uniform together."""

    heads: tuple[Head, ...]
    model: ModelInfo
