"""How much more does a circuit cost than random sets of heads? p-value, effect, intervals.

found = set_effect(circuit_costs, random_costs, seed=0)
found["difference"], found["low"], found["high"], found["p"]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.circuits.bootstrap import resample_weights

N_RESAMPLES = 2000


def set_effect(
    circuit: Float64[np.ndarray, " sample"],
    random: Float64[np.ndarray, "set sample"],
    *,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Any]:
    """The circuit's cost on each sample against that of random sets on the same samples.

    `difference` is the circuit's mean cost less the random sets' mean, with a 95 % bootstrap
    interval over samples (paired) and sets; `ratio` the one over the other (None where random sets
    cost nothing); `spread` the difference in standard deviations of the random sets' mean costs
    (None where they do not differ); `p` see `p_value`.
    """
    rng = np.random.default_rng(seed)
    n_sets, n_samples = random.shape
    of_samples = resample_weights(n_samples, n_resamples, rng)
    of_sets = resample_weights(n_sets, n_resamples, rng)
    resampled = of_samples @ circuit - (of_sets * (of_samples @ random.T)).sum(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    cost, costs = float(circuit.mean()), random.mean(axis=1)
    difference = cost - float(costs.mean())
    deviation = float(costs.std(ddof=1)) if n_sets > 1 else 0.0
    return {
        "cost": cost,
        "random_cost": float(costs.mean()),
        "difference": difference,
        "low": float(low),
        "high": float(high),
        "ratio": cost / float(costs.mean()) if costs.mean() > 1e-9 else None,
        "spread": difference / deviation if deviation > 1e-9 else None,
        "p": p_value(cost, costs),
    }


def p_value(cost: float, random_costs: Float64[np.ndarray, " set"]) -> float:
    """Share of the draws, the circuit itself counted in, that cost at least as much (one-sided).

    Costs that differ by rounding count as equal.
    """
    as_costly = random_costs >= cost - 1e-9
    return float((1 + np.sum(as_costly)) / (1 + len(random_costs)))


def share_interval(n_right: int, n: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, which stays sensible at 0 and 1 and for few samples."""
    if n == 0:
        return 0.0, 1.0
    share, square = n_right / n, z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = z * math.sqrt(share * (1 - share) / n + square / (4 * n**2)) / (1 + square / n)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def relative_rise(
    base: Float64[np.ndarray, " sample"], changed: Float64[np.ndarray, " sample"]
) -> float:
    """Rise of the mean loss as a share of the unchanged loss."""
    return float(changed.mean() / base.mean() - 1)


def excess_difference(
    problems: Float64[np.ndarray, " sample"],
    control: Float64[np.ndarray, " control_sample"],
    *,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, float]:
    """What the circuit costs beyond random sets on the problems, less the same on a control.

    In nats a token, with a 95 % bootstrap interval over samples. Shares of the loss would favour
    the problems wherever the model knows them well: the loss there is nearly nothing.
    """
    rng = np.random.default_rng(seed)
    resampled = [resample_weights(len(of), n_resamples, rng) @ of for of in (problems, control)]
    low, high = np.quantile(resampled[0] - resampled[1], [0.025, 0.975])
    here, there = float(problems.mean()), float(control.mean())
    return {
        "problems": here,
        "control": there,
        "difference": here - there,
        "low": float(low),
        "high": float(high),
    }
