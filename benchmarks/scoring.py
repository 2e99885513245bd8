"""CircuitSeer and AttentionInfluence scores against what one gets without the workbench.

`eager`: attention patterns of all layers by `output_attentions=True`, and the circuit's column
means from them. `sdpa`: a plain forward pass through the layers up to the circuit's last, which
reads nothing at all: no scorer can do with less.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Measured, Settings, interleaved
from benchmarks.shapes import large, loaded, middle, random_ids, small
from workbench.ablation import weakened_losses
from workbench.engines import choose_engine
from workbench.models import Model, Rendered
from workbench.scoring import score_batch
from workbench.types import Head

FRACTION = 0.05


def eager(n_pos: int) -> Callable[[Settings], Measured]:
    def measure(settings: Settings) -> Measured:
        return _scores(settings, middle(settings), _short(n_pos, settings), against="eager")

    return measure


def sdpa(n_pos: int) -> Callable[[Settings], Measured]:
    def measure(settings: Settings) -> Measured:
        return _scores(settings, middle(settings), _short(n_pos, settings), against="sdpa")

    return measure


def sdpa_large(settings: Settings) -> Measured:
    """Two batches of the shape of Qwen2.5-Math-1.5B in bfloat16."""
    n_pos, rows = _short(512, settings), 1 if settings.quick else 2
    return _scores(settings, large(settings), n_pos, against="sdpa", n_rows=rows, dtype="bfloat16")


def sdpa_long(settings: Settings) -> Measured:
    """A trace of 16,384 tokens at the shape of SmolLM2-135M in bfloat16."""
    n_pos = _short(16_384, settings)
    return _scores(settings, small(settings), n_pos, against="sdpa", dtype="bfloat16")


def _short(n_pos: int, settings: Settings) -> int:
    return n_pos // 16 if settings.quick else n_pos


def _scores(
    settings: Settings,
    folder: Path,
    n_pos: int,
    *,
    against: str,
    n_rows: int = 1,
    dtype: str = "float32",
) -> Measured:
    model = loaded(folder, dtype=dtype)
    engine = choose_engine(model, "fused")
    heads, ids = circuit(model), random_ids(n_rows, n_pos)
    rows = [_row(ids[i : i + 1]) for i in range(n_rows)]
    last = max(head.layer for head in heads)
    theirs = _eager_means if against == "eager" else _plain_pass
    network = _network(folder, against, dtype, None if against == "eager" else last + 1)

    def ours() -> None:
        for row in rows:
            score_batch(engine, heads, [row])

    def baseline() -> None:
        for i in range(n_rows):
            theirs(network, heads, ids[i : i + 1])

    times = interleaved({against: baseline, "ours": ours}, runs=settings.runs)
    pair = (against, "ours") if against == "eager" else ("ours", against)
    return times.compared(
        *pair,
        settings.clock,
        tokens=n_pos * n_rows,
        circuit=[f"{head.layer}.{head.head}" for head in heads],
        shape=f"{model.n_layers} x {model.n_heads}, {dtype}",
    )


def influence(settings: Settings) -> Measured:
    """Both losses of a row against two plain passes with all logits."""
    folder, n_pos = middle(settings), _short(512, settings)
    model = loaded(folder)
    engine = choose_engine(model, "fused")
    heads, ids = circuit(model), random_ids(1, n_pos)
    counted = torch.ones(ids.shape, dtype=torch.bool)
    network = _network(folder, "sdpa", "float32", None)

    def ours() -> None:
        weakened_losses(engine, heads, ids, counted)

    def twice() -> None:
        for _ in range(2):
            _whole_loss(network, ids)

    times = interleaved({"twice": twice, "ours": ours}, runs=settings.runs)
    first, n_layers = min(head.layer for head in heads), model.n_layers
    return times.compared(
        "twice",
        "ours",
        settings.clock,
        tokens=n_pos,
        first_head_in_layer=first,
        bound=2 * n_layers / (2 * n_layers - first),
    )


def circuit(model: Model) -> list[Head]:
    """A twentieth of all heads, drawn from the middle layers, where circuits mostly lie."""
    rng = np.random.default_rng(0)
    low, high = model.n_layers // 4, max(1, round(0.8 * model.n_layers))
    every = [Head(i, h) for i in range(low, high) for h in range(model.n_heads)]
    n_heads = max(2, round(FRACTION * model.n_layers * model.n_heads))
    return [every[i] for i in sorted(rng.permutation(len(every))[:n_heads].tolist())]


def _row(ids: torch.Tensor) -> Rendered:
    n_pos = ids.shape[1]
    return Rendered(tuple(ids[0].tolist()), np.ones(n_pos, dtype=np.int8), is_text=True)


def _network(folder: Path, attention: str, dtype: str, n_layers: int | None) -> Any:
    """The model as transformers loads it, cut after `n_layers`."""
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation=attention, dtype=getattr(torch, dtype)
    ).eval()
    if n_layers is not None:
        network.model.layers = network.model.layers[:n_layers]
    return network


@torch.no_grad()
def _eager_means(network: Any, heads: list[Head], ids: torch.Tensor) -> torch.Tensor:
    patterns = network.model(ids, output_attentions=True, use_cache=False).attentions
    return torch.stack([patterns[head.layer][:, head.head].mean(dim=1) for head in heads])


@torch.no_grad()
def _plain_pass(network: Any, heads: list[Head], ids: torch.Tensor) -> torch.Tensor:
    return network.model(ids, use_cache=False).last_hidden_state


@torch.no_grad()
def _whole_loss(network: Any, ids: torch.Tensor) -> torch.Tensor:
    logits = network(ids, use_cache=False).logits.float()
    return torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
