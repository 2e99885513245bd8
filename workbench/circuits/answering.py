"""Right answers by greedy decoding while sets of heads are ablated.

problems = answerable(dict(enumerate(rendered)), samples, n=2)
decoded = answers_right(engine, problems, sets)
decoded.right.mean(axis=1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from workbench.ablation import BY_UNIFORM, Ablation, decode_sets
from workbench.data import Reference, is_right, reference_answer
from workbench.engines import Engine, decode, decoded_text, default_stop_ids
from workbench.models import Rendered
from workbench.types import Head, Progress, Sample, no_progress

# The unchanged model may word its answers at up to this many times the longest given solution; the
# others get some room beyond the longest answer that it then finished.
GENEROUS, ROOM, ROOM_SHARE = 4, 8, 0.25


@dataclass(frozen=True)
class Answerable:
    """A problem whose answer can be checked: its prompt's tokens, and its solution's length."""

    prompt: tuple[int, ...]
    n_solution: int
    reference: Reference


@dataclass(frozen=True)
class Answered:
    """Whether the decoded answer is right, of at most `max_new_tokens` tokens."""

    right: Bool[np.ndarray, "set problem"]
    max_new_tokens: int


def answerable(
    rendered: Mapping[int, Rendered], samples: Sequence[Sample], *, n: int
) -> list[Answerable]:
    """The first `n` samples with a solution and an answer to hold a decoded one against."""
    found = []
    for index, tokens in rendered.items():
        if len(found) == n:
            break
        reference = reference_answer(samples[index])
        start, end = tokens.window("completion")
        if reference is not None and not tokens.is_text and 0 < start < end:
            # The prompt as it was tokenised with the solution: nothing is tokenised twice.
            found.append(Answerable(tokens.ids[:start], end - start, reference))
    return found


def answers_right(
    engine: Engine,
    problems: Sequence[Answerable],
    sets: Sequence[Sequence[Head]],
    *,
    max_new_tokens: int | None = None,
    ablation: Ablation = BY_UNIFORM,
    on_progress: Progress = no_progress,
) -> Answered:
    """Decode every problem under every set; an answer that breaks off is wrong.

    `max_new_tokens` is by default a quarter more than the longest given solution or answer of the
    unchanged model.
    """
    prompts = [problem.prompt for problem in problems]
    allowed = max_new_tokens or _length_of_answers(engine, problems)
    decoded = decode_sets(
        engine,
        prompts,
        sets,
        max_new_tokens=allowed,
        ablation=ablation,
        on_progress=on_progress,
    )
    right = [
        [
            is_right(decoded_text(engine.model, ids), problem.reference)
            for ids, problem in zip(row, problems, strict=True)
        ]
        for row in decoded
    ]
    return Answered(np.array(right), allowed)


def _length_of_answers(engine: Engine, problems: Sequence[Answerable]) -> int:
    """How long an answer may be, from the given ones and those that the unchanged model ends."""
    longest = max(problem.n_solution for problem in problems)
    own = decode(engine, [p.prompt for p in problems], max_new_tokens=GENEROUS * longest + ROOM)
    stops = default_stop_ids(engine.model)
    finished = [len(ids) for ids in own if ids[-1] in stops]
    return round(max([longest, *finished]) * (1 + ROOM_SHARE)) + ROOM
