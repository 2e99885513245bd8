"""How long will it take? A little of the very work is done and timed, for `--explain`.

seconds = of_batches(work, batches, sizes)
plan = plan_of(engine, lengths, 2048, passes=1.0, seconds=seconds)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from workbench.data import batches_by_length
from workbench.engines import Decoder, Engine, decode

CALIBRATION_TOKENS = 2048
DECODED_ROWS, DECODED_NEW = 64, 8
# A calibration that has taken as long is not refined.
ENOUGH_SECONDS = 5.0
N_BATCHES = 5


def timed(work: Callable[[], object]) -> float:
    """Seconds until `work` is done, also on a GPU, which is only told of it at first."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def extrapolated(sizes: Sequence[int], seconds: Sequence[float], size: int) -> float:
    """Seconds of `size` positions by the line through two batches of texts of one length.

    What noise makes fall, or start below nothing, is taken as proportional.
    """
    (small, large), (less, more) = sizes, seconds
    slope = (more - less) / max(1, large - small)
    if not 0 < slope <= more / large:
        return more * size / large
    return less + slope * (size - small)


def extrapolated_text(sizes: Sequence[int], seconds: Sequence[float], size: int) -> float:
    """Seconds of one text of `size` tokens from two shorter ones: `a n + b n^2`."""
    (small, large), (less, more) = sizes, seconds
    bend = (more / large - less / small) / max(1, large - small)
    bend = min(max(0.0, bend), more / large**2)
    return (more / large - bend * large) * size + bend * size**2


def of_batches(
    work: Callable[[list[int]], object], batches: Sequence[list[int]], sizes: Sequence[int]
) -> float:
    """Seconds that `work` of all batches takes, from some spread evenly over them.

    `sizes` are the tokens of each row. The first is run once more before, to warm up.
    """
    if not batches:
        return 0.0
    n_chosen = min(N_BATCHES, len(batches))
    chosen = [batches[(2 * i + 1) * len(batches) // (2 * n_chosen)] for i in range(n_chosen)]
    first, n_tokens, seconds = timed(lambda: work(chosen[0])), 0, 0.0
    for batch in chosen:
        seconds += timed(lambda batch=batch: work(batch))
        n_tokens += sum(sizes[i] for i in batch)
        if first + seconds > ENOUGH_SECONDS:
            break
    return seconds * sum(sizes) / max(1, n_tokens)


def seconds_per_token(engine: Engine, lengths: Sequence[int]) -> float:
    """Of one clean pass at the median length."""
    if not lengths:
        return 0.0
    width = sorted(lengths)[len(lengths) // 2]
    ids = torch.full((max(1, CALIBRATION_TOKENS // width), width), engine.model.pad_id)
    none = torch.zeros_like(ids, dtype=torch.bool)
    engine.losses(ids, none)
    return timed(lambda: engine.losses(ids, none)) / ids.numel()


def seconds_a_new_token(engine: Decoder, prompts: Sequence[Sequence[int]]) -> float:
    """From a few steps of a batch as large as those that answers are decoded in."""
    rows = [prompts[i % len(prompts)] for i in range(DECODED_ROWS)]
    decode(engine, rows[:2], max_new_tokens=2, stop_ids=())
    new: list[Sequence[int]] = []
    seconds = timed(
        lambda: new.extend(decode(engine, rows, max_new_tokens=DECODED_NEW, stop_ids=()))
    )
    return seconds / sum(map(len, new))


def plan_of(
    engine: Engine,
    lengths: Sequence[int],
    batch_tokens: int,
    *,
    passes: float,
    batches: Sequence[Sequence[int]] | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """The plan of `passes` passes over sequences of these lengths, in `batches` (default: of all).

    They take `seconds`, or as long as a clean pass timed on this machine lets expect.
    """
    if batches is None:
        batches = batches_by_length(lengths, max_tokens=batch_tokens)
    tokens = padded_tokens(lengths, batches)
    if seconds is None:
        seconds = tokens * passes * seconds_per_token(engine, lengths)
    model, longest = engine.model, max(lengths, default=0)
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
        "attention_mb": 0 if engine.name == "fused" else round(3 * pattern_bytes / 1e6),
        "batch_mb": round(rows * max(1, longest) * engine.position_bytes / 1e6),
    }


def padded_tokens(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> int:
    """Tokens of all batches, padding included."""
    return sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
