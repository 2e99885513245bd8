"""From per-sample deltas to a ranking of heads and the circuit at its top.

importance = measure_heads(engine, probe)
heads = rank_heads(importance, engine.model.info, fraction=0.05)
circuit_of(heads).heads
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from workbench.ablation import BY_UNIFORM, Ablation, iter_importance
from workbench.circuits.bootstrap import (
    N_RESAMPLES,
    bootstrap_heads,
    resample_weights,
    selected_share,
)
from workbench.circuits.contrast import Importance, head_values
from workbench.circuits.size import n_selected
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.probe import rendered_probe
from workbench.types import (
    Circuit,
    Head,
    HeadScore,
    HeadScores,
    ModelInfo,
    ProbeSet,
    Progress,
    no_progress,
)

BATCH_TOKENS = 2048
RANKINGS = ("delta", "contrast", "contribution", "both")


def measure_heads(
    engine: Engine,
    probe: ProbeSet,
    *,
    batch_tokens: int = BATCH_TOKENS,
    ablation: Ablation = BY_UNIFORM,
    on_progress: Progress = no_progress,
) -> Importance:
    """Exact importance of every head on every probe sample (CircuitSeer, "Detect")."""
    model, rendered = engine.model, rendered_probe(engine.model, probe)
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    base = np.empty(len(rendered))
    deltas = np.empty((len(rendered), model.n_layers, model.n_heads))
    measured = iter_importance(
        engine, rendered, batches=batches, ablation=ablation, on_progress=on_progress
    )
    for batch in measured:
        base[list(batch.indices)] = batch.base_loss
        deltas[list(batch.indices)] = batch.deltas
    return Importance(tuple(s.row_id for s in probe.samples), base, deltas)


def rank_heads(
    importance: Importance,
    model: ModelInfo,
    *,
    fraction: float = 0.05,
    min_heads: int = 1,
    seed: int = 0,
    method: str = "exact",
    probe: Mapping[str, Any] | None = None,
    control: Importance | None = None,
    control_probe: Mapping[str, Any] | None = None,
    contributions: Importance | None = None,
    ablation: str = "uniform-causal",
    rank_by: str = "delta",
) -> HeadScores:
    """Every head with its mean delta, 95 % interval, rank and stability; the top are selected.

    With the importance on a `control` probe each head also has its contrast, and `rank_by`
    "contrast" ranks by it; with `contributions` (the same probe under mean ablation) "contribution"
    ranks by those and "both" by the smaller of the two. `stability` is of that ranking, the
    interval always of the mean delta.
    """
    _check_rank_by(rank_by, control, contributions)
    n_samples, _, n_per_layer = importance.deltas.shape
    flat = importance.flat
    n_top = n_selected(flat.shape[1], fraction, min_heads=min_heads)
    means = flat.mean(axis=0)
    low, high, stability = bootstrap_heads(flat, n_selected=n_top, seed=seed)
    ranked = means
    if control is not None and rank_by == "contrast":
        ranked = head_values(importance, control)[0]
        stability = _contrast_stability(importance, control, n_top, seed)
    elif contributions is not None and rank_by in ("contribution", "both"):
        ranked = contribution_values(importance, contributions, rank_by)[0]
        stability = _contribution_stability(importance, contributions, rank_by, n_top, seed)
    numbers = {"delta": means, "ci_low": low, "ci_high": high, "stability": stability}
    numbers |= _beside(importance, control, contributions)
    heads = ordered_heads(np.argsort(-ranked, kind="stable"), n_top, numbers, n_heads=n_per_layer)
    return HeadScores(
        model=model,
        method=method,
        probe=dict(probe or {}),
        base_loss=float(importance.base_loss.mean()),
        n_samples=n_samples,
        heads=heads,
        ablation=ablation,
        rank_by=rank_by,
        control=_control_facts(control, control_probe),
    )


def ordered_heads(
    order: Int64[np.ndarray, " all_heads"],
    n_top: int,
    numbers: Mapping[str, Float64[np.ndarray, " all_heads"]],
    *,
    n_heads: int,
    facts: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[HeadScore, ...]:
    """Every head, layer by layer, with its place in `order`; the first `n_top` are selected.

    `numbers` and `facts` are what else is known of each, by the names of `HeadScore`.
    """
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(1, len(order) + 1)
    return tuple(
        HeadScore(
            *divmod(i, n_heads),
            rank=int(rank[i]),
            selected=bool(rank[i] <= n_top),
            **{name: float(values[i]) for name, values in numbers.items()},
            **(facts[i] if facts else {}),
        )
        for i in range(len(order))
    )


def contribution_values(
    importance: Importance,
    contributions: Importance,
    rank_by: str,
    weights: Float64[np.ndarray, "resample sample"] | None = None,
) -> Float64[np.ndarray, "resample all_heads"]:
    """What heads are ranked by: the contribution, or the smaller of it and the delta."""
    written = head_values(contributions, weights=weights)
    if rank_by == "contribution":
        return written
    return np.minimum(head_values(importance, weights=weights), written)


def _contribution_stability(
    importance: Importance, contributions: Importance, rank_by: str, n_top: int, seed: int
) -> Float64[np.ndarray, " head"]:
    """How often each head is selected when the probe is drawn anew, both measures together."""
    rng = np.random.default_rng(seed)
    weights = resample_weights(len(importance.base_loss), N_RESAMPLES, rng)
    return selected_share(contribution_values(importance, contributions, rank_by, weights), n_top)


def _check_rank_by(
    rank_by: str, control: Importance | None, contributions: Importance | None
) -> None:
    if rank_by in ("contribution", "both") and contributions is None:
        raise InputError(
            f"heads are to be ranked by '{rank_by}' and their contributions were not measured",
            expected="the probe under mean ablation",
        )
    if rank_by not in RANKINGS or (rank_by == "contrast" and control is None):
        raise InputError(
            f"heads are to be ranked by '{rank_by}'"
            + (" without a control probe" if rank_by in RANKINGS else ""),
            expected=" or ".join(RANKINGS),
            do="pass --control D with --rank contrast",
        )


def _contrast_stability(
    importance: Importance, control: Importance, n_top: int, seed: int
) -> Float64[np.ndarray, " head"]:
    """How often each head is selected when both probes are drawn anew."""
    rng = np.random.default_rng(seed)
    weights, control_weights = (
        resample_weights(len(probe.base_loss), N_RESAMPLES, rng) for probe in (importance, control)
    )
    values = head_values(importance, control, weights=weights, control_weights=control_weights)
    return selected_share(values, n_top)


def _beside(
    importance: Importance, control: Importance | None, contributions: Importance | None
) -> dict[str, Float64[np.ndarray, " head"]]:
    """The numbers that a control probe and mean ablation add to the heads."""
    columns: dict[str, Float64[np.ndarray, " head"]] = {}
    if control is not None:
        columns["control_delta"] = control.flat.mean(axis=0)
        columns["contrast"] = head_values(importance, control)[0]
    if contributions is not None:
        columns["contribution"] = contributions.flat.mean(axis=0)
    return columns


def _control_facts(
    control: Importance | None, probe: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if control is None:
        return None
    loss = float(control.base_loss.mean())
    return {**(probe or {}), "base_loss": loss, "n_samples": len(control.base_loss)}


def circuit_of(heads: HeadScores) -> Circuit:
    """The selected heads, the most important first."""
    chosen = sorted((h for h in heads.heads if h.selected), key=lambda h: h.rank)
    return Circuit(tuple(Head(h.layer, h.head) for h in chosen), heads.model)
