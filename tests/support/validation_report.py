"""A validation in few numbers, worked out by nobody: figures need its shape."""

from __future__ import annotations


def report() -> dict:
    return {
        "base": {"loss": 1.0, "accuracy": 0.8},
        "bottom": {"loss": 1.1, "accuracy": 0.7},
        "circuit": {"loss": 3.0, "accuracy": 0.1},
        "random": {"loss": [1.2, 1.3, 1.4], "accuracy": [0.6, 0.6, 0.5]},
    }


def validation() -> dict:
    """A report with every part, worked out by nobody: the figures need its shape."""
    both = {"mean": 0.5, "low": -0.2, "high": 0.9}
    agreement = {"overlap": both, "rank_correlation": both}
    return {
        **report(),
        "heads": [[0, 1], [1, 0]],
        "random": {**report()["random"], "mean_loss": 1.3},
        "curve": {
            "n_samples": 4,
            "n_heads": [1, 2, 3],
            "base_loss": 1.0,
            "loss": [2.0, 3.0, 3.5],
            "random_loss": [[1.1, 1.2, 1.4], [1.0, 1.6, 1.8]],
        },
        "controls": [
            {
                "data": "<b>text</b>",
                "base_loss": 2.0,
                "circuit_loss": 3.0,
                "bottom_loss": 2.0,
                "random_mean_loss": 2.2,
            }
        ],
        "stability": {"n_samples": 8, "bootstrap": agreement, "halves": agreement},
    }
