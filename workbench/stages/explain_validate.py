"""The plan of a validation before the work: passes, decoded tokens, and time by part.

explain_validate(source, heads_path, ["generated"], ValidateOptions(n=200), control=("text",))
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.circuits import answerable, head_sets, knockout_sets, read_heads
from workbench.data import batches_by_length
from workbench.models import Model, check_same_model, decode
from workbench.models import batch_tokens as default_tokens
from workbench.options import ValidateOptions
from workbench.probe import usable_samples
from workbench.stages.calibrate import seconds_per_token
from workbench.stages.explain import plan_of
from workbench.stages.heads import seen_rows
from workbench.stages.request import ModelSource, read_usable
from workbench.stages.validate import draw, unseen, validation_options
from workbench.types import Head

CALIBRATION_ROWS, CALIBRATION_NEW = 64, 8


def explain_validate(
    source: ModelSource,
    heads_path: Path,
    data: Sequence[str],
    options: ValidateOptions,
    *,
    control: Sequence[str] = ("text",),
    batch_tokens: int | None = None,
) -> dict[str, Any]:
    """A clean pass of every part and, for each set of heads, the layers from its lowest on."""
    heads, model = read_heads(heads_path), source.load()
    batch_tokens = batch_tokens or default_tokens(model)
    spent = validation_options(options, batch_tokens)
    check_same_model(heads.model, model.info)
    seen = seen_rows(heads_path.parent)
    sets = head_sets(model, heads, n_random=options.random, seed=options.seed)

    def lengths(names: Sequence[str], n: int) -> tuple[list[int], dict, list]:
        rows = draw(unseen(read_usable(names), exclude=frozenset(), seen=seen)[0], n, options.seed)
        usable = usable_samples(model, rows)
        return [len(r.ids) for r in usable.values()], usable, rows

    problems, usable, rows = lengths(data, options.n)
    parts = {"loss": _tokens(model, problems, sets.every, batch_tokens)}
    few = [*sets.named.values(), *sets.random[: spent.control_random]]
    parts["controls"] = sum(
        _tokens(model, lengths([name], options.control_n)[0], few, batch_tokens) for name in control
    )
    if options.curve_n:
        curve = knockout_sets(
            sets.ranked,
            n_circuit=len(sets.named["circuit"]),
            n_orders=spent.curve_orders,
            seed=options.seed,
        )
        parts["curve"] = _tokens(model, problems[: options.curve_n], curve.sets, batch_tokens)
    per_token = seconds_per_token(model, problems)
    plan = plan_of(model, problems, batch_tokens, passes=1.0, seconds=0.0)
    seconds = {name: tokens * per_token for name, tokens in parts.items()}
    answered = answerable(usable, rows, n=options.decode_n)
    n_new = len(sets.every) * sum(problem.n_solution for problem in answered)
    if answered:
        seconds["decoding"] = n_new * _seconds_a_new_token(model, [p.prompt for p in answered])
    tokens = sum(parts.values())
    return plan | {
        "full_passes": round(parts["loss"] / max(1, plan["tokens"]), 2),
        "forward_passes": round(tokens / max(1, plan["tokens"]) * plan["batches"], 1),
        "tokens": int(tokens),
        "decoded_tokens": n_new,
        "estimated_seconds": round(sum(seconds.values()), 1),
        "seconds_by_part": {name: round(value, 1) for name, value in seconds.items()},
    }


def _tokens(
    model: Model, lengths: Sequence[int], sets: Sequence[Sequence[Head]], batch_tokens: int
) -> float:
    """Tokens through the whole model that cost as much: a clean pass, then parts of it by set."""
    batches = batches_by_length(lengths, max_tokens=batch_tokens)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    lowest = [min(head.layer for head in heads) for heads in sets if heads]
    return padded * (1 + sum(1 - layer / model.n_layers for layer in lowest))


def _seconds_a_new_token(model: Model, prompts: Sequence[Sequence[int]]) -> float:
    """From a few steps of a batch as large as those of the validation."""
    rows = [prompts[i % len(prompts)] for i in range(CALIBRATION_ROWS)]
    decode(model, rows[:2], max_new_tokens=2, stop_ids=())
    began = time.perf_counter()
    new = decode(model, rows, max_new_tokens=CALIBRATION_NEW, stop_ids=())
    return (time.perf_counter() - began) / sum(map(len, new))
