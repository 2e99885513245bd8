"""The plan before the work: forward passes, tokens, time and memory, from a short calibration.

explain_score(source, ["gsm8k"], options, heads_path=path)
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.circuits import circuit_of, read_heads
from workbench.data import batches_by_length, read_samples
from workbench.models import Model, ModelSource, Rendered, UnrenderableError, render
from workbench.models import batch_tokens as default_tokens
from workbench.scoring import (
    NEEDS_HEADS,
    SHARD_ROWS,
    ScoreOptions,
    check_request,
    on_engine,
    score_shard,
)
from workbench.stages.calibrate import of_batches, plan_of
from workbench.types import Sample


def explain_score(
    source: ModelSource, data: Sequence[str], options: ScoreOptions, *, heads_path: Path | None
) -> dict[str, Any]:
    """Passes by method: up to the circuit's last layer, or one and the layers from its first on.

    The time is that of rows scored for the purpose, on the engine that is to run.
    """
    model = source.load()
    circuit = circuit_of(read_heads(heads_path)) if heads_path else None
    check_request(options, model, circuit)
    began = time.perf_counter()
    model = on_engine(model, options)
    seconds = time.perf_counter() - began
    options = dataclasses.replace(
        options, batch_tokens=options.batch_tokens or default_tokens(model)
    )
    began = time.perf_counter()
    rows = list(read_samples(data))
    # A run reads the data twice: to count the rows, and to score them.
    seconds += 2 * (time.perf_counter() - began)
    usable = _usable(model, [row for row in rows if isinstance(row, Sample)], options)
    of_rows = [_lengths(model, rendered, options) for _, rendered in usable]
    sizes = [sum(lengths) for lengths in of_rows]
    batches = [
        [start + i for i in batch]
        for start in range(0, len(usable), SHARD_ROWS)
        for batch in batches_by_length(
            [lengths[0] if lengths else 0 for lengths in of_rows[start : start + SHARD_ROWS]],
            max_tokens=options.tokens,
        )
    ]

    def work(batch: list[int]) -> None:
        score_shard([usable[i][0] for i in batch], options=options, model=model, circuit=circuit)

    seconds += of_batches(work, batches, sizes)
    passes = 1.0 if options.method in ("loss", "ifd") else 0.0
    if circuit is not None and options.method in NEEDS_HEADS:
        layers = [head.layer for head in circuit.heads]
        if options.method == "circuitseer":
            passes = (max(layers) + 1) / model.n_layers
        else:
            passes = 1 + (model.n_layers - min(layers)) / model.n_layers
    lengths = [length for lengths in of_rows for length in lengths]
    plan = plan_of(model, lengths, options.tokens, passes=passes, seconds=seconds)
    return {**plan, "engine": "hooked" if model.fused is None else "fused"}


def _lengths(model: Model, rendered: Rendered, options: ScoreOptions) -> list[int]:
    """Tokens of the sequences that a row is scored on."""
    start, end = rendered.window(options.scored_part)
    with_loss = [len(rendered.ids)] if options.with_loss else []
    if options.method == "attention-influence":
        whole, rest = divmod(end, model.n_ctx)
        return [model.n_ctx] * whole + [rest] * (rest >= 2) + with_loss
    if options.method == "ifd":
        return [len(rendered.ids), end - start, *with_loss]
    return [end + sum(with_loss)]


def _usable(
    model: Model, samples: Sequence[Sample], options: ScoreOptions
) -> list[tuple[Sample, Rendered]]:
    """The rows that fit the model, with their tokens."""
    rows = []
    for sample in samples:
        try:
            rendered = render(sample, model.tokenizer)
        except UnrenderableError:
            continue
        if options.method == "attention-influence" or len(rendered.ids) <= model.n_ctx:
            rows.append((sample, rendered))
    return rows
