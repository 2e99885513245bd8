"""A ranking without labels and gradients: over how many directions do a head's outputs spread?

    head_spread(engine, rendered)[3, 1]      # 1: one direction, d_head: all alike

The participation ratio of a head's output over time, after "Spectral Probe-Circuits" (arXiv
2605.24059). It can nominate heads; it decides nothing. Ours, where the abstract is silent: z before
the output projection, its covariance over the tokens of one text, the mean over texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.models import Rendered, padded


def participation_ratio(
    outputs: Float[Tensor, "head pos d_head"],
) -> Float64[Tensor, " head"]:
    """`(sum of eigenvalues)^2 / sum of their squares` of the covariance over positions, a head.

    Between 1 and the smaller of d_head and pos - 1; 0 for a head that always writes the same.
    """
    centred = outputs.double() - outputs.double().mean(dim=1, keepdim=True)
    covariance = centred.mT @ centred
    total = covariance.diagonal(dim1=1, dim2=2).sum(dim=1)
    squares = covariance.square().sum(dim=(1, 2))
    return torch.where(squares > 0, total.square() / squares, torch.zeros_like(total))


def head_spread(
    engine: Engine, rendered: Sequence[Rendered], *, batch_tokens: int = 2048
) -> Float64[np.ndarray, "layer head"]:
    """The mean participation ratio of every head over the texts: one clean pass each."""
    model = engine.model
    layers, total = range(model.n_layers), np.zeros((model.n_layers, model.n_heads))
    lengths = [len(row.ids) for row in rendered]
    for batch in batches_by_length(lengths, max_tokens=batch_tokens):
        outputs = engine.outputs(padded([rendered[i].ids for i in batch], model.pad_id), layers)
        for layer, written in outputs.items():
            for row, i in enumerate(batch):
                heads = written[row, : lengths[i]].transpose(0, 1)
                total[layer] += participation_ratio(heads).cpu().numpy()
    return total / len(rendered)
