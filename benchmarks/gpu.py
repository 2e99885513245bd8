"""What share of a GPU's measured matmul peak scoring reaches, at the 1.5B shape in bfloat16."""

from __future__ import annotations

import time

import torch

from benchmarks.measure import Measured, Settings
from benchmarks.scoring import circuit
from benchmarks.shapes import LARGE, TINY, large, loaded, random_ids
from workbench.engines import batch_tokens, choose_engine

N_POS, SIDE, REPEATS = 1024, 8192, 50


def scoring_share(settings: Settings) -> Measured:
    """Multiplications of the layers that run, by the time they take, over the peak; in percent."""
    if not torch.cuda.is_available():
        return Measured(None, why_not="no GPU here")
    model = loaded(large(settings), dtype="bfloat16", device="cuda")
    engine = choose_engine(model, "fused")
    heads, rows = circuit(model), max(1, batch_tokens(engine) // N_POS)
    ids = random_ids(rows, N_POS)
    spans = torch.tensor([[(0, N_POS)] * rows], device="cuda")
    # The last layer is left as soon as its queries and keys are known.
    n_whole = max(head.layer for head in heads)

    def score() -> None:
        engine.columns(heads, ids, spans)

    sizes = {**LARGE, **TINY} if settings.quick else LARGE
    whole = 2 * _weights(sizes) + 2 * N_POS * sizes["hidden_size"]
    flops = rows * N_POS * (n_whole * whole + 2 * _projections(sizes))
    found, peak = [], []
    for _ in range(settings.runs):
        found.append(flops / _seconds(score, 5))
        peak.append(_peak())
    found.sort()
    peak.sort()
    reached, most = found[len(found) // 2], peak[len(peak) // 2]
    details = {"rows": rows, "tokens": N_POS, "whole_layers": n_whole}
    return Measured(
        100 * reached / most, {**details, "tflops": reached / 1e12, "peak": most / 1e12}
    )


def _weights(sizes: dict) -> int:
    """Weights of one layer that every token is multiplied with."""
    width, share = sizes["hidden_size"], sizes["num_key_value_heads"] / sizes["num_attention_heads"]
    return int(2 * width**2 * (1 + share) + 3 * width * sizes["intermediate_size"])


def _peak() -> float:
    square = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16)
    return 2 * SIDE**3 / _seconds(lambda: square @ square, REPEATS)


def _seconds(work, repeats: int) -> float:
    work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats


def _projections(sizes: dict) -> int:
    """Of these, the weights of queries, keys and values."""
    share = sizes["num_key_value_heads"] / sizes["num_attention_heads"]
    return int(sizes["hidden_size"] ** 2 * (1 + 2 * share))
