"""All-head importance, exact: suffix replay and folded heads against the plain loop.

The plain loop is what one writes first: a hooked pass over the whole model for every head, batches
of 8 in the order of the data, logits of every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Measured, Settings, interleaved
from benchmarks.shapes import BUNDLED, equal_lengths, gsm8k, loaded, middle
from workbench.ablation import iter_importance
from workbench.data import batches_by_length
from workbench.engines import choose_engine, counted_mask, sample_means
from workbench.models import Model, Rendered, hooks, padded, pattern_hook, uniform_pattern

PLAIN_ROWS = 8


def equal(settings: Settings) -> Measured:
    """12 x 12 heads on 4 rows of 64 tokens, all of them counted."""
    model = loaded(middle(settings))
    rows = equal_lengths(gsm8k(model, 40), 64)[: 2 if settings.quick else 4]
    return _compare(settings, model, rows, "all")


def lengths(settings: Settings) -> Measured:
    """The bundled model on GSM8K problems as they come, solution tokens counted."""
    model = loaded(BUNDLED)
    return _compare(settings, model, gsm8k(model, 2 if settings.quick else 24), "completion")


def _compare(settings: Settings, model: Model, rows: list[Rendered], part: str) -> Measured:
    found: dict[str, np.ndarray] = {}

    def plain() -> None:
        found["plain"] = plain_loop(model, rows, part)

    def ours() -> None:
        found["ours"] = exact_deltas(model, rows, part)

    times = interleaved({"plain": plain, "ours": ours}, runs=settings.runs)
    return times.compared(
        "plain",
        "ours",
        settings.clock,
        samples=len(rows),
        tokens=sum(len(row.ids) for row in rows),
        heads=f"{model.n_layers} x {model.n_heads}",
        largest_difference=float(np.abs(found["plain"] - found["ours"]).max()),
    )


def exact_deltas(model: Model, rows: Sequence[Rendered], part: str) -> np.ndarray:
    """Deltas `[sample, layer, head]` as the workbench gets them."""
    engine, deltas = choose_engine(model), np.empty((len(rows), model.n_layers, model.n_heads))
    batches = batches_by_length([len(row.ids) for row in rows], max_tokens=2048)
    for batch in iter_importance(engine, rows, batches=batches, part=part):
        deltas[list(batch.indices)] = batch.deltas
    return deltas


def plain_loop(model: Model, rows: Sequence[Rendered], part: str) -> np.ndarray:
    """The same deltas, a pass of the whole model for every head."""
    deltas = np.empty((len(rows), model.n_layers, model.n_heads))
    for start in range(0, len(rows), PLAIN_ROWS):
        chosen = rows[start : start + PLAIN_ROWS]
        ids, counted = padded([row.ids for row in chosen], model.pad_id), counted_mask(chosen, part)
        uniform = uniform_pattern(ids.shape[1])
        base = _loss(model, ids, counted)
        for layer in range(model.n_layers):
            for head in range(model.n_heads):
                with hooks(model, [(pattern_hook(layer), _made_uniform(head, uniform))]):
                    loss = _loss(model, ids, counted)
                deltas[start : start + len(chosen), layer, head] = (loss - base).numpy()
    return deltas


def _made_uniform(head: int, uniform: torch.Tensor) -> Any:
    def edit(pattern: torch.Tensor, hook: Any) -> torch.Tensor:
        pattern = pattern.clone()
        pattern[:, head] = uniform
        return pattern

    return edit


@torch.no_grad()
def _loss(model: Model, ids: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    logits = model.hooked(ids, **model.pass_options).float()
    losses = torch.zeros(ids.shape)
    losses[:, 1:] = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    ).reshape(len(ids), -1)
    return sample_means(losses * counted, counted)
