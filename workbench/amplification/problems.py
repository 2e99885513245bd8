"""Problems whose answers can be checked, and the model's own answers to them.

problems = problems_of(network, samples, label="n_steps")
traces, right = answers_of(network, problems, max_new_tokens=allowed_length(problems))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.amplification.network import BATCH_TOKENS
from workbench.circuits.answering import Answerable, answerable
from workbench.data import Reference, is_right
from workbench.engines import Decoder, decode, decoded_text
from workbench.models import TextModel
from workbench.probe import usable_samples
from workbench.types import Sample

# Beyond the longest given solution, since the model may word its own at greater length.
ROOM, ROOM_SHARE = 8, 0.25


@dataclass(frozen=True)
class Problem:
    """A problem whose answer can be checked; `label` is its value in a column of the data."""

    row_id: str
    row_index: int
    source: str
    text: str
    prompt: tuple[int, ...]
    n_solution: int
    reference: Reference
    label: Any = None


def problems_of(
    model: TextModel,
    samples: Sequence[Sample],
    *,
    label: str | None = None,
    left_out: Counter[str] | None = None,
) -> list[Problem]:
    """The samples that fit the model and have an answer to hold a decoded one against.

    The others are counted by reason in `left_out`.
    """
    found = []
    for index, rendered in usable_samples(model, samples, left_out=left_out).items():
        checkable = answerable({index: rendered}, samples, n=1)
        if checkable:
            found.append(_problem(samples[index], checkable[0], label))
        elif left_out is not None:
            left_out["no answer that can be checked"] += 1
    return found


def _problem(sample: Sample, checkable: Answerable, label: str | None) -> Problem:
    return Problem(
        row_id=sample.row_id,
        row_index=sample.row_index,
        source=sample.source,
        text=sample.prompt,
        prompt=tuple(checkable.prompt),
        n_solution=checkable.n_solution,
        reference=checkable.reference,
        label=None if label is None else sample.row.get(label),
    )


def allowed_length(problems: Sequence[Problem]) -> int:
    """How long a trace may be by default: a quarter more than the longest given solution."""
    return round(max(problem.n_solution for problem in problems) * (1 + ROOM_SHARE)) + ROOM


def answers_of(
    network: Decoder,
    problems: Sequence[Problem],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
) -> tuple[list[list[int]], list[bool]]:
    """A trace of each problem, and whether its answer is right.

    `batch_tokens` cached tokens are held at once: memory, not results, depends on it.
    """
    traces = decode(
        network,
        [problem.prompt for problem in problems],
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
        batch_tokens=batch_tokens,
    )
    return traces, [ends_right(network, p, t) for p, t in zip(problems, traces, strict=True)]


def ends_right(network: Decoder, problem: Problem, trace: Sequence[int]) -> bool:
    """Whether a trace ends in the right answer."""
    return is_right(decoded_text(network.model, trace), problem.reference)
