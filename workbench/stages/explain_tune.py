"""The plan of a tuning before the work: steps, passes, time and memory, from one timed step.

explain_tune(source, Path("subset"), TuneOptions(lora=True))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from workbench.models import resolve_device
from workbench.stages.calibrate import timed
from workbench.stages.request import ModelSource
from workbench.stages.tune import StepsSource, check_source, prepared
from workbench.tuning import Example, TuneOptions, read_export, require_extra, with_lora
from workbench.tuning.plan import row_order

ADAM_COPIES = 3
"""Values kept for each trained one beside itself: its gradient and two running means."""


def explain_tune(
    source: ModelSource,
    export_folder: Path,
    options: TuneOptions,
    *,
    steps: StepsSource | None = None,
) -> dict[str, Any]:
    """Rows, optimiser steps, passes, tokens (padding included), seconds and megabytes."""
    check_source(source)
    export = read_export(export_folder)
    require_extra()
    model, _, examples = prepared(source, export, options, steps=steps)
    vocab = model.get_input_embeddings().weight.shape[0]
    if options.lora:
        model = with_lora(model, options)
    model.to(resolve_device(source.device))
    n_steps = options.n_steps(len(examples.rows))
    order = row_order(
        len(examples.rows), n_needed=n_steps * options.rows_per_step, seed=options.seed
    )
    widths = [
        max(len(examples.rows[i].ids) for i in order[first : first + options.batch_size])
        for first in range(0, len(order), options.batch_size)
    ]
    n_tokens = options.batch_size * sum(widths)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "samples": len(examples.rows),
        "counts": dict(examples.counts),
        "steps": n_steps,
        "forward_passes": len(widths),
        "backward_passes": len(widths),
        "tokens": n_tokens,
        "trained_parameters": trained,
        "estimated_seconds": round(n_tokens * _seconds_per_token(model, examples.rows, options), 1),
        "weights_mb": round(sum(p.numel() * p.element_size() for p in model.parameters()) / 1e6),
        "training_mb": round(ADAM_COPIES * 4 * trained / 1e6),
        "logits_mb": round(4 * options.batch_size * max(widths) * vocab / 1e6),
    }


def _seconds_per_token(model: Any, rows: Sequence[Example], options: TuneOptions) -> float:
    """Time of one forward and backward pass at the median length, after one to warm up."""
    width = sorted(len(row.ids) for row in rows)[len(rows) // 2]
    ids = torch.zeros((options.batch_size, width), dtype=torch.long, device=model.device)

    def step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        model.zero_grad()

    step()
    return timed(step) / ids.numel()
