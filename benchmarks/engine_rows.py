"""The rows of the engines at the shape of SmolLM2-135M, also measured on a graphics card.

ROWS["replay-768"].measure(settings)
"""

from __future__ import annotations

from benchmarks import engines
from benchmarks.row import Row

SUFFIX = "plain SDPA passes of `transformers`, suffix only"
CLEAN = {192: 1.0, 768: 1.25, 2048: 2.25}
"""By tokens, how many times as fast a clean fused pass is at least; 192: four rows."""
REPLAY = {192: 1.1, 768: 1.3, 2048: 2.5}
ROWS: dict[str, Row] = {
    **{
        f"clean-{n}": Row(
            f"a clean pass, T = {n:,}, 30 x 9 heads, fused engine",
            "the hooked engine",
            engines.clean(n),
            " x",
            least=least,
            on_gpu=True,
        )
        for n, least in CLEAN.items()
    },
    **{
        f"replay-{n}": Row(
            f"importance, T = {n:,}, 30 x 9 heads, fused engine",
            "the hooked engine",
            engines.replay(n),
            " x",
            least=least,
            on_gpu=True,
        )
        for n, least in REPLAY.items()
    },
    "importance-plain": Row(
        "importance, T = 768, 30 x 9 heads",
        SUFFIX,
        engines.plain(768),
        " x their time",
        most=1.15,
        on_gpu=True,
    ),
    "importance-memory": Row(
        "peak memory of importance, T = 8,192, 30 x 9 heads",
        "weights and activations of one plain forward",
        engines.memory(8192),
        " x",
        most=2,
        on_gpu=True,
    ),
    "importance-doubled": Row(
        "peak memory of importance, T = 16,384, 30 x 9 heads",
        "T = 8,192",
        engines.doubled,
        " x",
        most=2,
    ),
    "sets": Row(
        "losses under random sets of 14 heads, T = 192, 30 x 9 heads",
        SUFFIX,
        engines.sets,
        " x their time",
        most=1.1,
        on_gpu=True,
    ),
    "decoding": Row(
        "tokens a second under eight sets of heads, 30 x 9 heads",
        "`generate` of `transformers`, as many rows",
        engines.decoding,
        " x",
        least=0.9,
        on_gpu=True,
    ),
}
