"""What kind of head each is, by its attention on random tokens that come twice.

    kinds = head_kinds(HookedEngine(model), n_tokens=8)
    kinds.previous[2, 3], kinds.induction[2, 3]

A **previous-token head** looks at the token just before. An **induction head** looks at the token
that came after the last one like this: on a text that comes twice, half a text and a token back
(Elhage et al. 2021; Olsson et al. 2022). The tokens are drawn at random, so that nothing but their
order tells where to look; both scores are shares of attention, in [0, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from workbench.engines import HookedEngine

N_ROWS, N_TOKENS = 4, 50


class HeadKinds(NamedTuple):
    """Mean attention on the token before, and on the one after the same token's last place."""

    previous: Float64[np.ndarray, "layer head"]
    induction: Float64[np.ndarray, "layer head"]


def head_kinds(
    engine: HookedEngine, *, n_rows: int = N_ROWS, n_tokens: int = N_TOKENS, seed: int = 0
) -> HeadKinds:
    """Both scores of every head, from one pass over `n_rows` texts of twice `n_tokens`."""
    model = engine.model
    n_tokens = min(n_tokens, (model.n_ctx - 1) // 2)
    n_vocab = int(model.hooked.cfg.d_vocab)
    once = torch.from_numpy(np.random.default_rng(seed).integers(0, n_vocab, (n_rows, n_tokens)))
    # Something else stands first: many heads rest there, which must not count as looking back.
    first = torch.full((n_rows, 1), int(model.pad_id))
    found = np.zeros((2, model.n_layers, model.n_heads))

    def read(layer: int, pattern: Tensor) -> None:
        pattern = pattern.double().cpu()
        found[0, layer] = previous_share(pattern).numpy()
        found[1, layer] = induction_share(pattern, n_tokens).numpy()

    engine.read_patterns(torch.cat([first, once, once], dim=1), range(model.n_layers), read)
    return HeadKinds(*found)


def previous_share(pattern: Float[Tensor, "row head query key"]) -> Float[Tensor, " head"]:
    """Mean attention of a token on the one before it; the first has none."""
    return pattern.diagonal(-1, dim1=2, dim2=3).mean(dim=(0, 2))


def induction_share(
    pattern: Float[Tensor, "row head query key"], n_tokens: int
) -> Float[Tensor, " head"]:
    """Mean attention, from the second time on, on the token after the first time's."""
    return pattern.diagonal(1 - n_tokens, dim1=2, dim2=3)[..., 2:].mean(dim=(0, 2))
