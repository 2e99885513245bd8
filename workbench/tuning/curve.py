"""The loss curve in a few numbers.

summarize_curve(curve)["last_tenth"]
"""

from __future__ import annotations

from typing import Any

import numpy as np

Curve = list[dict[str, Any]]
"""A record a step: `step` (from 1), `loss` (nats a token), `learning_rate`, `grad_norm`."""


def summarize_curve(curve: Curve) -> dict[str, Any]:
    """First, last and lowest loss, and the mean of the first and the last tenth of the steps."""
    losses = np.array([record["loss"] for record in curve], dtype=np.float64)
    tenth = max(1, len(losses) // 10)
    return {
        "n_steps": len(losses),
        "first": float(losses[0]),
        "last": float(losses[-1]),
        "lowest": float(losses.min()),
        "first_tenth": float(losses[:tenth].mean()),
        "last_tenth": float(losses[-tenth:].mean()),
    }
