"""Passes of the fused engine at the shape of SmolLM2-135M (30 x 9 heads, random weights, float32).

Against the hooked engine, and against what `transformers` takes for the same layers and tokens.
Nine heads stand for all: three each in the layers 0, 10 and 20. A plain suffix runs the layers from
a head's own on, with the loss of every token, and reads nothing: no replay can do with less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Measured, Settings, interleaved
from benchmarks.memory import peak_bytes
from benchmarks.shapes import loaded, random_ids, small
from workbench.ablation import decode_sets, iter_importance
from workbench.engines import FusedEngine, HookedEngine
from workbench.models import Model, Rendered
from workbench.types import Head

N_SETS, SET_SIZE, NEW_TOKENS = 10, 14, 32
PROMPTS = (2, 48)
LENGTHS = (2048, 4096, 8192, 16_384)


@dataclass(frozen=True)
class Setting:
    """Both engines on one model, the plain network, and tokens that all count."""

    model: Model
    network: Any
    ids: torch.Tensor

    @property
    def counted(self) -> torch.Tensor:
        counted = torch.ones_like(self.ids, dtype=torch.bool)
        counted[:, 0] = False
        return counted

    @property
    def rows(self) -> list[Rendered]:
        parts = np.ones(self.ids.shape[1], dtype=np.int8)
        return [Rendered(tuple(row), parts, is_text=True) for row in self.ids.tolist()]

    @property
    def heads(self) -> list[Head]:
        layers = [0, self.model.n_layers // 3, 2 * self.model.n_layers // 3]
        return [Head(layer, head) for layer in layers for head in range(3)]


def clean(n_pos: int) -> Callable[[Settings], Measured]:
    """A clean pass on the hooked engine, by one on the fused."""

    def measure(settings: Settings) -> Measured:
        on = _setting(settings, n_pos)
        engines = {"hooked": HookedEngine(on.model), "fused": FusedEngine(on.model)}
        work = {n: lambda e=e: e.losses(on.ids, on.counted) for n, e in engines.items()}
        return _compared(settings, work, ("hooked", "fused"), on)

    return measure


def replay(n_pos: int) -> Callable[[Settings], Measured]:
    """Importance of the heads on the hooked engine, by that on the fused."""

    def measure(settings: Settings) -> Measured:
        on = _setting(settings, n_pos)
        engines = {"hooked": HookedEngine(on.model), "fused": FusedEngine(on.model)}
        work = {n: lambda e=e: _importance(e, on, on.heads) for n, e in engines.items()}
        return _compared(settings, work, ("hooked", "fused"), on)

    return measure


def plain(n_pos: int) -> Callable[[Settings], Measured]:
    """Importance of the heads, by a clean pass and a plain suffix a head."""

    def measure(settings: Settings) -> Measured:
        on = _setting(settings, n_pos)
        engine = FusedEngine(on.model)

        def suffixes() -> None:
            for first in (0, *(head.layer for head in on.heads)):
                _plain_suffix(on, first)

        work = {"ours": lambda: _importance(engine, on, on.heads), "plain": suffixes}
        return _compared(settings, work, ("ours", "plain"), on)

    return measure


def sets(settings: Settings) -> Measured:
    """Losses under random sets, by a plain suffix a set from its lowest layer on."""
    on = _setting(settings, 192)
    engine, rng = FusedEngine(on.model), np.random.default_rng(0)
    every = [Head(i, h) for i in range(on.model.n_layers) for h in range(on.model.n_heads)]
    size = min(SET_SIZE, len(every) // 2)
    drawn = [[every[i] for i in rng.permutation(len(every))[:size]] for _ in range(N_SETS)]

    def ours() -> None:
        for _ in engine.set_outcomes(on.ids, on.counted, drawn):
            pass

    def suffixes() -> None:
        for first in (0, *(min(head.layer for head in chosen) for chosen in drawn)):
            _plain_suffix(on, first)

    return _compared(settings, {"ours": ours, "plain": suffixes}, ("ours", "plain"), on)


def decoding(settings: Settings) -> Measured:
    """Tokens a second under sets, by those of `generate` on as many rows."""
    on = _setting(settings, 192)
    n_prompts, n_pos = PROMPTS
    prompts, n_new = on.ids[:n_prompts, :n_pos], 4 if settings.quick else NEW_TOKENS
    chosen = [[], *[on.heads[:n] for n in range(1, 8)]]
    rows = prompts.repeat_interleave(len(chosen), dim=0).to(on.model.device)
    engine = FusedEngine(on.model)
    asked = {"max_new_tokens": n_new, "min_new_tokens": n_new, "do_sample": False}

    def ours() -> None:
        decode_sets(engine, prompts.tolist(), chosen, max_new_tokens=n_new, stop_ids=())

    def theirs() -> None:
        on.network.generate(rows, attention_mask=torch.ones_like(rows), pad_token_id=0, **asked)

    return _compared(settings, {"ours": ours, "generate": theirs}, ("generate", "ours"), on)


def memory(n_pos: int) -> Callable[[Settings], Measured]:
    """Peak of a head's importance in layer 0, by weights and the peak of one plain forward."""

    def measure(settings: Settings) -> Measured:
        on = _setting(settings, n_pos, n_rows=1)
        engine = FusedEngine(on.model)
        weights = sum(p.numel() * p.element_size() for p in on.network.parameters())
        plain = weights + _peak(lambda: _plain_suffix(on, 0), settings)
        ours = weights + _peak(lambda: _importance(engine, on, on.heads[:1]), settings)
        return Measured(ours / plain, {"ours_gb": ours / 1e9, "plain_gb": plain / 1e9})

    return measure


def doubled(settings: Settings) -> Measured:
    """Peaks of the importance of a head in layer 0: of the longest text, by one half as long.

    Short texts take little more than a part of the logits does, which is as large for all.
    """
    on = _setting(settings, 192, n_rows=1)
    engine, peaks = FusedEngine(on.model), {}
    for n in (n // 16 if settings.quick else n for n in LENGTHS):
        longer = replace(on, ids=random_ids(1, n))
        peaks[n] = _peak(lambda at=longer: _importance(engine, at, at.heads[:1]), settings)
    *_, half, whole = peaks.values()
    megabytes = {str(n): round(held / 1e6, 1) for n, held in peaks.items()}
    return Measured(whole / half, {"peak_mb": megabytes})


def _setting(settings: Settings, n_pos: int, n_rows: int | None = None) -> Setting:
    from transformers import AutoModelForCausalLM

    folder = small(settings)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    n_pos = max(48, n_pos // 16) if settings.quick else n_pos
    ids = random_ids(n_rows or (4 if n_pos <= 192 else 1), n_pos)
    return Setting(
        loaded(folder, device=settings.device), network.to(torch.device(settings.device)), ids
    )


def _importance(engine: Any, on: Setting, heads: Sequence[Head]) -> None:
    for _ in iter_importance(
        engine, on.rows, batches=[range(len(on.ids))], part="all", heads=heads
    ):
        pass


@torch.no_grad()
def _plain_suffix(on: Setting, first: int) -> None:
    """The layers from `first` on, and the loss of every token; what they read costs nothing."""
    whole, ids = on.network.model.layers, on.ids.to(on.model.device)
    on.network.model.layers = whole[first:]
    try:
        logits = on.network(ids, use_cache=False).logits.float()
    finally:
        on.network.model.layers = whole
    torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def _peak(work: Callable[[], None], settings: Settings) -> int:
    if settings.device == "cpu":
        return peak_bytes(work)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return torch.cuda.max_memory_allocated() - before


def _compared(
    settings: Settings, work: dict[str, Callable[[], Any]], pair: tuple[str, str], on: Setting
) -> Measured:
    """The first by the second."""
    if settings.device != "cpu":
        work = {name: _awaited(each) for name, each in work.items()}
    n_rows, n_pos = on.ids.shape
    return interleaved(work, runs=settings.runs).compared(
        *pair,
        settings.clock,
        rows=n_rows,
        tokens=n_pos,
        shape=f"{on.model.n_layers} x {on.model.n_heads}, float32",
    )


def _awaited(work: Callable[[], Any]) -> Callable[[], None]:
    """A device computes behind the caller's back: wait for it."""

    def run() -> None:
        work()
        torch.cuda.synchronize()

    return run
