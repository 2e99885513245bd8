"""Right answers by greedy decoding while sets of heads are ablated.

problems = answerable(dict(enumerate(rendered)), samples, n=2)
decoded = answers_right(engine, problems, sets)
decoded.right.mean(axis=1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from workbench.ablation import UNIFORMLY, Preparation, decode_pairs
from workbench.circuits.pieces import Share, done_here
from workbench.data import Reference, is_right, reference_answer
from workbench.engines import Engine, decode_batches, decoded_text, default_stop_ids
from workbench.models import Rendered
from workbench.types import Head, Sample

# The unchanged model may word its answers at up to this many times the longest given solution; the
# others get some room beyond the longest answer that it then finished.
GENEROUS, ROOM, ROOM_SHARE = 4, 8, 0.25
Pair = tuple[tuple[int, ...], Sequence[Head]]
"""A prompt's tokens, and the heads that are ablated while it is answered."""


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
    ablation: Preparation = UNIFORMLY,
    share: Share | None = None,
) -> Answered:
    """Decode every problem under every set; an answer that breaks off is wrong.

    `max_new_tokens` is by default a quarter more than the longest given solution or answer of the
    unchanged model. Who decodes is `share`'s business, by default this engine.
    """
    share = share or done_here(engine)
    allowed = max_new_tokens or _length_of_answers(engine, problems, share)
    pairs: list[Pair] = [(problem.prompt, heads) for problem in problems for heads in sets]
    decoded = _answers(share, "answers", pairs, allowed, ablation)
    right = [
        [
            is_right(decoded_text(engine.model, ids), problem.reference)
            for ids, problem in zip(decoded[row :: len(sets)], problems, strict=True)
        ]
        for row in range(len(sets))
    ]
    return Answered(np.array(right), allowed)


def _answers(
    share: Share, series: str, pairs: Sequence[Pair], n_new: int, ablation: Preparation
) -> list[list[int]]:
    """New token ids of each pair; a piece is a batch that is decoded together."""
    batches = decode_batches([len(prompt) for prompt, _ in pairs], n_new)
    pieces = [
        (
            f"decoded {len(batch)} prompts",
            partial(_decoded, [pairs[i] for i in batch], n_new, ablation),
        )
        for batch in batches
    ]
    found: list[list[int]] = [[] for _ in pairs]
    for batch, table in zip(batches, share(series, pieces), strict=True):
        for place, new in zip(batch, table["new"].to_pylist(), strict=True):
            found[place] = new
    return found


def _decoded(pairs: Sequence[Pair], n_new: int, ablation: Preparation, engine: Engine) -> pa.Table:
    new = decode_pairs(engine, pairs, max_new_tokens=n_new, ablation=ablation(engine))
    return pa.table({"new": pa.array(new, pa.list_(pa.int64()))})


def _length_of_answers(engine: Engine, problems: Sequence[Answerable], share: Share) -> int:
    """How long an answer may be, from the given ones and those that the unchanged model ends."""
    longest = max(problem.n_solution for problem in problems)
    clean: list[Pair] = [(problem.prompt, ()) for problem in problems]
    own = _answers(share, "own-answers", clean, GENEROUS * longest + ROOM, UNIFORMLY)
    stops = default_stop_ids(engine.model)
    finished = [len(ids) for ids in own if ids[-1] in stops]
    return round(max([longest, *finished]) * (1 + ROOM_SHARE)) + ROOM
