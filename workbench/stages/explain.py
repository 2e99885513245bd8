"""The plan before the work: forward passes, tokens, time and memory, from a short calibration.

explain_heads(source, probe_path, options=HeadsOptions())
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.circuits import MOST_TOKENS, RetrievalOptions
from workbench.data import batches_by_length
from workbench.models import (
    Model,
    position_bytes,
    sample_losses,
)
from workbench.models import batch_tokens as default_tokens
from workbench.options.heads import RACES
from workbench.probe import usable_samples
from workbench.stages.calibrate import of_batches, of_heads, seconds_per_token
from workbench.stages.heads import HeadsOptions, race_options
from workbench.stages.probe import measuring, read_probe
from workbench.stages.race import expected_passes
from workbench.stages.request import ModelSource, read_usable


def explain_probe(
    source: ModelSource, data: Sequence[str], *, batch_tokens: int | None = None, **options: Any
) -> dict[str, Any]:
    """One pass over the pool for `highest-loss`, none for the other strategies."""
    model = source.load()
    began = time.perf_counter()
    # A run checks its engine as well.
    model = measuring(model, options.get("strategy", ""))
    seconds, passes = time.perf_counter() - began, 0.0
    tokens = batch_tokens or default_tokens(model)
    rendered = list(usable_samples(model, read_usable(data)).values())
    lengths = [len(r.ids) for r in rendered]
    if options.get("strategy") == "highest-loss":
        passes, batches = 1.0, batches_by_length(lengths, max_tokens=tokens)

        def work(batch: list[int]) -> None:
            sample_losses(model, rendered, batches=[batch])

        seconds += of_batches(work, batches, lengths)
    return plan_of(model, lengths, tokens, passes=passes, seconds=seconds)


def explain_heads(
    source: ModelSource,
    probe: Path | list[str],
    *,
    batch_tokens: int | None = None,
    n: int | None = None,
    options: HeadsOptions | None = None,
    control: Sequence[str] = (),
) -> dict[str, Any]:
    """A clean pass, and for each head the layers from its own on: (L+1)/2 of a pass each layer.

    A race takes fewer, how many fewer is a guess until it has been run. Where `probe` is data, the
    pass over all of it that chooses the probe comes first.
    """
    model, options = source.load(), options or HeadsOptions()
    samples = read_probe(probe).samples if isinstance(probe, Path) else read_usable(probe)
    rendered = list(usable_samples(model, samples).values())[:n]
    if control:
        rendered += list(usable_samples(model, read_usable(control)).values())[: options.control_n]
    exact = passes = 1 + model.n_heads * (model.n_layers + 1) / 2
    if options.method in RACES:
        passes = expected_passes(model.info, max(1, len(rendered)), race_options(options))
    tokens = batch_tokens or default_tokens(model)
    seconds = of_heads(model, rendered, tokens) * passes / exact if rendered else 0.0
    lengths = [len(r.ids) for r in rendered]
    plan = plan_of(model, lengths, tokens, passes=passes, seconds=seconds)
    if isinstance(probe, Path):
        return plan
    first = explain_probe(source, probe, batch_tokens=batch_tokens, strategy="highest-loss")
    parts = {"probe": first["estimated_seconds"], "heads": plan["estimated_seconds"]}
    return plan | {
        "forward_passes": round(first["forward_passes"] + plan["forward_passes"], 1),
        "tokens": first["tokens"] + plan["tokens"],
        "estimated_seconds": round(sum(parts.values()), 1),
        "seconds_by_part": parts,
    }


def explain_retrieval(
    source: ModelSource, retrieval: RetrievalOptions, *, batch_tokens: int | None = None
) -> dict[str, Any]:
    """One pass over `n` samples as long as the context or the limit allows."""
    model = source.load()
    limit = min(model.n_ctx, MOST_TOKENS, retrieval.limit or MOST_TOKENS)
    return plan_of(model, [limit] * retrieval.n, batch_tokens or default_tokens(model), passes=1.0)


def plan_of(
    model: Model,
    lengths: Sequence[int],
    batch_tokens: int,
    *,
    passes: float,
    seconds: float | None = None,
) -> dict[str, Any]:
    """The plan of `passes` passes over sequences of these lengths.

    They take `seconds`, or as long as a clean pass timed on this machine lets expect.
    """
    batches = batches_by_length(lengths, max_tokens=batch_tokens)
    tokens = sum(len(b) * max(lengths[i] for i in b) for b in batches)
    if seconds is None:
        seconds = tokens * passes * seconds_per_token(model, lengths)
    longest = max(lengths, default=0)
    rows = max(1, batch_tokens // max(1, longest))
    pattern_bytes = rows * model.n_heads * longest**2 * model.hooked.cfg.dtype.itemsize
    return {
        "samples": len(lengths),
        "batches": len(batches),
        "batch_tokens": batch_tokens,
        "full_passes": round(passes, 2),
        "forward_passes": round(passes * len(batches), 1),
        "tokens": int(tokens * passes),
        "estimated_seconds": round(seconds, 1),
        "weights_mb": round(
            sum(p.numel() * p.element_size() for p in model.hooked.parameters()) / 1e6
        ),
        "attention_mb": 0 if model.fused is not None else round(3 * pattern_bytes / 1e6),
        "batch_mb": round(rows * max(1, longest) * position_bytes(model) / 1e6),
    }
