"""Heads that reasoning needs more than other text: importance on two probes, in shares of the loss.

`contrast = Delta_reasoning / L_reasoning - Delta_control / L_control`, ours (docs/methods.md,
Contrast): the loss increase alone also finds heads that any text needs.

    values = head_values(reasoning, control)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Importance:
    """Per-sample results of an ablation run, in nats a token, in the order of the probe."""

    row_ids: tuple[str, ...]
    base_loss: Float64[np.ndarray, " sample"]
    deltas: Float64[np.ndarray, "sample layer head"]

    @property
    def flat(self) -> Float64[np.ndarray, "sample all_heads"]:
        """The deltas with all heads on one axis, layer by layer."""
        return self.deltas.reshape(len(self.deltas), -1)


def head_values(
    importance: Importance,
    control: Importance | None = None,
    *,
    weights: Float64[np.ndarray, "resample sample"] | None = None,
    control_weights: Float64[np.ndarray, "resample control_sample"] | None = None,
) -> Float64[np.ndarray, "resample all_heads"]:
    """What heads are ranked by: the mean delta, or with a `control` the contrast.

    Weights of samples (rows sum to 1) give the values on resampled probes; without them there is
    one row, of the probes as they are.
    """
    means, loss = _means(importance, weights)
    if control is None:
        return means
    control_means, control_loss = _means(control, control_weights)
    return means / loss[:, None] - control_means / control_loss[:, None]


def _means(
    importance: Importance, weights: Float64[np.ndarray, "resample sample"] | None
) -> tuple[Float64[np.ndarray, "resample all_heads"], Float64[np.ndarray, " resample"]]:
    n_samples = len(importance.base_loss)
    weights = np.full((1, n_samples), 1 / n_samples) if weights is None else weights
    return weights @ importance.flat, weights @ importance.base_loss
