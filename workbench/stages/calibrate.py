"""How long will it take? A little of the very work is done and timed, for `--explain`.

seconds = of_batches(work, batches, sizes)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from workbench.ablation import iter_importance
from workbench.data import batches_by_length
from workbench.models import Model, Rendered, capture
from workbench.types import Head

CALIBRATION_TOKENS = 2048
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


def of_heads(model: Model, rendered: Sequence[Rendered], batch_tokens: int) -> float:
    """Seconds of the exact importance of all heads on these samples.

    What a head takes falls evenly from the first layer to the last, so heads of these two tell the
    mean; of a slow model only a few heads are run.
    """
    lengths = [len(r.ids) for r in rendered]
    batches = batches_by_length(lengths, max_tokens=batch_tokens)
    chosen = batches[len(batches) // 2]
    n_rows = max(1, CALIBRATION_TOKENS // max(lengths[i] for i in chosen))
    chosen = chosen[:n_rows]

    def run(heads: list[Head]) -> None:
        for _ in iter_importance(model, rendered, batches=[chosen], heads=heads):
            pass

    run([Head(0, 0)])
    one = timed(lambda: run([Head(0, 0)]))
    n_heads = max(2, min(model.n_heads, int(ENOUGH_SECONDS / max(1e-9, one))))
    of_layer = []
    for layer in {0, model.n_layers - 1}:
        many = timed(lambda at=layer: run([Head(at, h) for h in range(n_heads)]))
        few = timed(lambda at=layer: run([Head(at, 0)]))
        of_layer.append(((many - few) / max(1, n_heads - 1), few))
    head = sum(each for each, _ in of_layer) / len(of_layer)
    clean = max(0.0, sum(few - each for each, few in of_layer) / len(of_layer))
    share = sum(lengths) / sum(lengths[i] for i in chosen)
    return share * (clean + model.n_layers * model.n_heads * max(0.0, head))


def seconds_per_token(model: Model, lengths: Sequence[int]) -> float:
    """Of one clean pass at the median length."""
    if not lengths:
        return 0.0
    width = sorted(lengths)[len(lengths) // 2]
    ids = torch.full((max(1, CALIBRATION_TOKENS // width), width), model.pad_id)
    capture(model, ids)
    return timed(lambda: capture(model, ids)) / ids.numel()
