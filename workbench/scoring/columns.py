"""The attention that every token receives from some heads: means over the queries of a window.

received, without_sink = column_means(engine, circuit.heads, ids, [windows, windows_without_sink])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from workbench.engines import Engine
from workbench.types import Head


def column_means(
    engine: Engine,
    heads: Sequence[Head],
    ids: Int[Tensor, "sample pos"],
    windows: Sequence[Sequence[tuple[int, int]]],
) -> list[Float64[np.ndarray, "sample head pos"]]:
    """Attention received per head within each set of windows; one pass up to the last layer."""
    return list(engine.columns(heads, ids, torch.tensor(windows)).cpu().numpy())
