"""What an update did beside its task: calculations by operation, plain text, retrieval.

    calculations(engine, samples)        # {"+": {"n": 812, "right": 790}, ...}
    text_loss(engine, plain_text)        # 4.18 nats a token
    retrieval(engine, sentences, n=2, limit=None)    # {"n": 40, "exact": 0.1, "loss": 2.9}

Everything here is teacher-forced: one pass a sample. Answers are decoded elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.ablation import set_effects
from workbench.circuits import RetrievalOptions, retrieval_probe
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.models import Rendered, padded
from workbench.probe import usable_samples
from workbench.types import Sample

NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
CALCULATION = re.compile(rf"(?<![\d.]){NUMBER}\s*([-+*/×÷])\s*{NUMBER}\s*=\s*({NUMBER})")
SAME = {"×": "*", "÷": "/"}
BATCH_TOKENS = 2048


def calculations(engine: Engine, samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Of the calculations `a + b = c` in the given solutions: how many `c` the model writes.

    Right means that every token of the result is the most likely one, given all that comes before
    it in the solution. By operation, those that occur.
    """
    usable = list(usable_samples(engine.model, samples).items())
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    lengths = [len(rendered.ids) for _, rendered in usable]

    def work(batch: list[int]) -> list[tuple[str, bool]]:
        some = [usable[i] for i in batch]
        spans = [_results(samples[index].completion, rendered) for index, rendered in some]
        return _outcomes(engine, [r for _, r in some], spans)

    for batch in batches_by_length(lengths, max_tokens=BATCH_TOKENS):
        for _, outcomes in engine.memory.pieces(batch, lengths, work):
            for operation, is_right in outcomes:
                found[operation] += 1
                right[operation] += is_right
    return {name: {"n": found[name], "right": right[name]} for name in sorted(found)}


def _results(completion: str, rendered: Rendered) -> list[tuple[str, np.ndarray]]:
    """Operation and result positions of every calculation in the completion."""
    chars = rendered.char_spans()
    in_completion = rendered.counted("completion")
    found = []
    for match in CALCULATION.finditer(completion):
        start, end = match.span(2)
        places = np.flatnonzero(in_completion & (chars[:, 0] < end) & (chars[:, 1] > start))
        if len(places):
            found.append((SAME.get(match[1], match[1]), places))
    return found


def _outcomes(
    engine: Engine, rendered: Sequence[Rendered], spans: Sequence[list[tuple[str, np.ndarray]]]
) -> list[tuple[str, bool]]:
    import torch

    ids = padded([r.ids for r in rendered], engine.model.pad_id)
    counted = torch.zeros(ids.shape, dtype=torch.bool)
    for row, of_row in enumerate(spans):
        for _, places in of_row:
            counted[row, places] = True
    if not bool(counted.any()):
        return []
    ((_, found),) = engine.set_outcomes(ids, counted, [()])
    hit = found.hits.cpu().numpy()
    return [
        (operation, bool(hit[row, places].all()))
        for row, of_row in enumerate(spans)
        for operation, places in of_row
    ]


def text_loss(engine: Engine, samples: Sequence[Sample]) -> float | None:
    """Mean over texts of the mean loss a token (nats); None if none of them fits the model."""
    rendered = list(usable_samples(engine.model, samples).values())
    return _loss(engine, rendered, part="all")[0] if rendered else None


def retrieval(engine: Engine, texts: Sequence[str], *, n: int, limit: int | None) -> dict[str, Any]:
    """Share of values that are retrieved word for word by key, and their loss.

    Without samples (a context too short for one, say) the reason stands in their place.
    """
    try:
        probe = retrieval_probe(engine.model, texts, RetrievalOptions(n=n, limit=limit))
    except InputError as err:
        return {"n": 0, "exact": None, "loss": None, "reason": str(err)}
    loss, exact = _loss(engine, [sample.rendered for sample in probe], part="completion")
    return {"n": len(probe), "exact": exact, "loss": loss, "reason": ""}


def _loss(engine: Engine, rendered: Sequence[Rendered], *, part: str) -> tuple[float, float]:
    """Mean loss and share of exactly predicted samples of the unchanged model."""
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=BATCH_TOKENS)
    effects = set_effects(engine, rendered, [()], batches=batches, part=part)
    return float(effects.loss[0].mean()), float(effects.exact[0].mean())
