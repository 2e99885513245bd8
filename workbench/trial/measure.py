"""What a trained network makes of rows it never read: the loss of their solutions, right answers.

network = network_of(*load_plain("math-tiny"))
evaluation = held_out(network, samples, n_answers=1)
losses = losses_of(network, evaluation.rendered)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch.nn.functional import cross_entropy

from workbench.amplification import (
    PlainNetwork,
    Problem,
    allowed_length,
    answers_of,
    problems_of,
)
from workbench.data import batches_by_length
from workbench.engines import counted_mask
from workbench.errors import InputError
from workbench.models import Rendered, padded
from workbench.probe import usable_samples
from workbench.types import ModelInfo, Sample

MAX_LOGITS = 2**26
"""Values of the logits that exist at once."""


@dataclass(frozen=True)
class Evaluation:
    """The held-out rows as tokens, those whose answer is checked, and what was left out and why."""

    samples: tuple[Sample, ...]
    rendered: tuple[Rendered, ...]
    problems: tuple[Problem, ...]
    left_out: Counter[str]

    @property
    def row_ids(self) -> list[str]:
        return [sample.row_id for sample in self.samples]

    def answers(self, network: PlainNetwork) -> list[bool]:
        """Whether each of the `problems` is answered right by greedy decoding."""
        if not self.problems:
            return []
        allowed = allowed_length(self.problems)
        return answers_of(network, self.problems, max_new_tokens=allowed)[1]


def held_out(network: PlainNetwork, samples: Sequence[Sample], *, n_answers: int) -> Evaluation:
    """The rows that a loss can be taken on, and the first `n_answers` that can be checked."""
    left_out: Counter[str] = Counter()
    usable = usable_samples(network, samples, left_out=left_out)
    if not usable:
        why = next(iter(left_out), "there are none")
        raise InputError(
            f"none of the {len(samples)} eval rows can be used (first: {why})",
            expected="rows with a solution that fit the model's context",
            do="pass other --eval data",
        )
    kept = [samples[i] for i in usable]
    problems = problems_of(network, kept)[:n_answers] if n_answers else []
    if len(problems) < n_answers:
        left_out["no answer that can be checked"] = n_answers - len(problems)
    return Evaluation(tuple(kept), tuple(usable.values()), tuple(problems), left_out)


def network_of(wrapped: Any, tokenizer: Any) -> PlainNetwork:
    """A loaded network, ready to be read from; it is left where it is."""
    config = wrapped.config.get_text_config()
    layers, heads = int(config.num_hidden_layers), int(config.num_attention_heads)
    return PlainNetwork(
        wrapped=wrapped.eval(),
        tokenizer=tokenizer,
        info=ModelInfo("target", None, "", layers, heads),
        n_ctx=context_of(wrapped),
        facts={},
    )


def context_of(wrapped: Any) -> int:
    """How many tokens the network may read; what says nothing of it has no limit."""
    config = wrapped.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 10**9)


@torch.no_grad()
def losses_of(
    network: PlainNetwork, rendered: Sequence[Rendered]
) -> Float64[np.ndarray, " sample"]:
    """Mean loss of each row's solution in nats a token, in float32, means in float64."""
    n_vocab = int(network.wrapped.get_input_embeddings().weight.shape[0])
    lengths = [len(r.ids) for r in rendered]
    losses = np.full(len(rendered), np.nan)
    for batch in batches_by_length(lengths, max_tokens=max(1, MAX_LOGITS // n_vocab)):
        rows = [rendered[i] for i in batch]
        ids = padded([r.ids for r in rows], network.pad_id).to(network.device)
        counted = counted_mask(rows, "completion").to(network.device)[:, 1:]
        logits = network.wrapped(input_ids=ids, use_cache=False).logits[:, :-1][counted]
        of_tokens = torch.zeros(counted.shape, dtype=torch.float64, device=network.device)
        each = cross_entropy(logits.float(), ids[:, 1:][counted], reduction="none")
        of_tokens[counted] = each.double()
        losses[batch] = (of_tokens.sum(dim=1) / counted.sum(dim=1)).cpu().numpy()
    return losses
