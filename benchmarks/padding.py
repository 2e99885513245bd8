"""How many of the positions that scoring runs are padding, on the bundled GSM8K pool."""

from __future__ import annotations

from benchmarks.measure import Measured, Settings
from benchmarks.shapes import BUNDLED, gsm8k, loaded
from workbench.data import batches_by_length
from workbench.scoring import SHARD_ROWS

BUDGETS = (2048, 4096, 16384)


def padding(settings: Settings) -> Measured:
    """The largest share over budgets and parts, shard by shard as a score run cuts the pool."""
    model = loaded(BUNDLED)
    rows = gsm8k(model, 600 if settings.quick else 10**9)
    shares = {}
    for part, lengths in (
        ("prompt", [row.window("prompt")[1] for row in rows]),
        ("all", [len(row.ids) for row in rows]),
    ):
        for budget in BUDGETS:
            shares[f"{part}, {budget} tokens a batch"] = _share(lengths, budget)
    return Measured(100 * max(shares.values()), {"rows": len(rows), "shares": shares})


def _share(lengths: list[int], budget: int) -> float:
    positions = 0
    for start in range(0, len(lengths), SHARD_ROWS):
        shard = lengths[start : start + SHARD_ROWS]
        batches = batches_by_length(shard, max_tokens=budget)
        positions += sum(len(batch) * max(shard[i] for i in batch) for batch in batches)
    return 1 - sum(lengths) / positions
