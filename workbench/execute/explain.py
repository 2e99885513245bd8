"""The plan before the work: forward passes, tokens, time and memory, from a short calibration.

explain_score(source, ["gsm8k"], options, heads_path=path)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workbench.circuits import MOST_TOKENS, RetrievalOptions, circuit_of, read_heads
from workbench.data import batches_by_length, read_samples
from workbench.execute.heads import HeadsOptions, race_options
from workbench.execute.probe import read_probe
from workbench.execute.race import RACES, expected_passes
from workbench.execute.request import ModelSource, read_usable
from workbench.models import Model, Rendered, UnrenderableError, capture, render
from workbench.probe import usable_samples
from workbench.scoring import NEEDS_HEADS, ScoreOptions
from workbench.types import Sample

CALIBRATION_TOKENS = 2048


def explain_probe(
    source: ModelSource, data: Sequence[str], *, batch_tokens: int, **options: Any
) -> dict[str, Any]:
    """One pass over the pool for `highest-loss`, none for the other strategies."""
    model = source.load()
    rendered = list(usable_samples(model, read_usable(data)).values())
    passes = 1.0 if options.get("strategy") == "highest-loss" else 0.0
    return plan_of(model, [len(r.ids) for r in rendered], batch_tokens, passes=passes)


def explain_heads(
    source: ModelSource,
    probe: Path | list[str],
    *,
    batch_tokens: int,
    n: int | None = None,
    options: HeadsOptions | None = None,
    control: Sequence[str] = (),
) -> dict[str, Any]:
    """A clean pass, and for each head the layers from its own on: (L+1)/2 of a pass each layer.

    A race takes fewer, how many fewer is a guess until it has been run.
    """
    model, options = source.load(), options or HeadsOptions()
    samples = read_probe(probe).samples if isinstance(probe, Path) else read_usable(probe)
    rendered = list(usable_samples(model, samples).values())[:n]
    if control:
        rendered += list(usable_samples(model, read_usable(control)).values())[: options.control_n]
    passes = 1 + model.n_heads * (model.n_layers + 1) / 2
    if options.method in RACES:
        race = race_options(options, batch_tokens)
        passes = expected_passes(model.info, max(1, len(rendered)), race)
    return plan_of(model, [len(r.ids) for r in rendered], batch_tokens, passes=passes)


def explain_retrieval(
    source: ModelSource, retrieval: RetrievalOptions, *, batch_tokens: int
) -> dict[str, Any]:
    """One pass over `n` samples as long as the context or the limit allows."""
    model = source.load()
    limit = min(model.n_ctx, MOST_TOKENS, retrieval.limit or MOST_TOKENS)
    return plan_of(model, [limit] * retrieval.n, batch_tokens, passes=1.0)


def explain_score(
    source: ModelSource, data: Sequence[str], options: ScoreOptions, *, heads_path: Path | None
) -> dict[str, Any]:
    """Passes by method: up to the circuit's last layer, or one and the layers from its first on."""
    model = source.load()
    rendered, passes = _rendered(model, data, options), 0.0
    lengths = [length for r in rendered for length in _lengths(model, r, options)]
    if options.method in ("loss", "ifd"):
        passes = 1.0
    elif heads_path is not None and options.method in NEEDS_HEADS:
        layers = [head.layer for head in circuit_of(read_heads(heads_path)).heads]
        if options.method == "circuitseer":
            passes = (max(layers) + 1) / model.n_layers
        else:
            passes = 1 + (model.n_layers - min(layers)) / model.n_layers
    return plan_of(model, lengths, options.batch_tokens, passes=passes)


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


def _rendered(model: Model, data: Sequence[str], options: ScoreOptions) -> list[Rendered]:
    rows = []
    for sample in read_samples(data):
        if isinstance(sample, Sample):
            try:
                rows.append(render(sample, model.tokenizer))
            except UnrenderableError:
                continue
    if options.method == "attention-influence":
        return rows
    return [r for r in rows if len(r.ids) <= model.n_ctx]


def plan_of(
    model: Model, lengths: Sequence[int], batch_tokens: int, *, passes: float
) -> dict[str, Any]:
    """The plan of `passes` passes over sequences of these lengths, timed on this machine."""
    batches = batches_by_length(lengths, max_tokens=batch_tokens)
    tokens = sum(len(b) * max(lengths[i] for i in b) for b in batches)
    seconds_per_token = _calibrate(model, lengths)
    longest = max(lengths, default=0)
    rows = max(1, batch_tokens // max(1, longest))
    pattern_bytes = rows * model.n_heads * longest**2 * model.hooked.cfg.dtype.itemsize
    return {
        "samples": len(lengths),
        "batches": len(batches),
        "full_passes": round(passes, 2),
        "forward_passes": round(passes * len(batches), 1),
        "tokens": int(tokens * passes),
        "estimated_seconds": round(tokens * passes * seconds_per_token, 1),
        "weights_mb": round(
            sum(p.numel() * p.element_size() for p in model.hooked.parameters()) / 1e6
        ),
        "attention_mb": round(3 * pattern_bytes / 1e6),
    }


def _calibrate(model: Model, lengths: Sequence[int]) -> float:
    """Seconds a token of one clean pass at the median length."""
    if not lengths:
        return 0.0
    width = sorted(lengths)[len(lengths) // 2]
    ids = torch.full((max(1, CALIBRATION_TOKENS // width), width), model.pad_id)
    capture(model, ids)
    began = time.perf_counter()
    capture(model, ids)
    return (time.perf_counter() - began) / ids.numel()
