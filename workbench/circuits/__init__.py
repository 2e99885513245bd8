"""Circuits: rank heads, cut the top, compare rankings, and check them against chance.

    from workbench.circuits import read_heads

What runs a model is loaded when it is asked for: a file of heads is read without PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.circuits.heads_file import heads_to_json, read_heads
from workbench.circuits.size import n_selected
from workbench.options import RaceOptions, RetrievalOptions

if TYPE_CHECKING:
    from workbench.circuits.answering import answerable, answers_right
    from workbench.circuits.comparison import compare_heads
    from workbench.circuits.contrast import Importance, head_values
    from workbench.circuits.curve import knockout_sets
    from workbench.circuits.cuts import recut
    from workbench.circuits.facts import (
        HeadFacts,
        facts_passes,
        head_facts,
        leading_heads,
        with_facts,
    )
    from workbench.circuits.heads import (
        RANKINGS,
        circuit_of,
        measure_heads,
        rank_heads,
    )
    from workbench.circuits.kinds import HeadKinds, head_kinds
    from workbench.circuits.knockouts import ValidationOptions, head_sets
    from workbench.circuits.pieces import Piece, Share, done_here
    from workbench.circuits.racing import (
        Work,
        Worker,
        n_top_heads,
        race_heads,
        worker_of,
    )
    from workbench.circuits.random_sets import layer_matched_sets
    from workbench.circuits.retrieval import (
        RetrievalScores,
        copied_share,
        retrieval_importance,
        retrieval_scores,
    )
    from workbench.circuits.retrieval_samples import (
        MOST_TOKENS,
        RetrievalSample,
        probe_facts,
        retrieval_probe,
        sample_limit,
    )
    from workbench.circuits.robust import Setting, robust_heads
    from workbench.circuits.spectral import head_spread, participation_ratio
    from workbench.circuits.stability import probe_stability
    from workbench.circuits.validation import validate_circuit
    from workbench.circuits.validation_file import read_validation
    from workbench.circuits.verdict import (
        is_clear,
        is_doubtful,
        is_shown_by_contribution,
        reservation,
    )
    from workbench.circuits.window import counted_window

HEAVY = {
    "answering": (
        "answerable",
        "answers_right",
    ),
    "comparison": ("compare_heads",),
    "contrast": (
        "Importance",
        "head_values",
    ),
    "curve": ("knockout_sets",),
    "cuts": ("recut",),
    "facts": (
        "HeadFacts",
        "facts_passes",
        "head_facts",
        "leading_heads",
        "with_facts",
    ),
    "heads": (
        "RANKINGS",
        "circuit_of",
        "measure_heads",
        "rank_heads",
    ),
    "kinds": (
        "HeadKinds",
        "head_kinds",
    ),
    "knockouts": (
        "ValidationOptions",
        "head_sets",
    ),
    "pieces": (
        "Piece",
        "Share",
        "done_here",
    ),
    "racing": (
        "Work",
        "Worker",
        "n_top_heads",
        "race_heads",
        "worker_of",
    ),
    "random_sets": ("layer_matched_sets",),
    "retrieval": (
        "RetrievalScores",
        "copied_share",
        "retrieval_importance",
        "retrieval_scores",
    ),
    "retrieval_samples": (
        "MOST_TOKENS",
        "RetrievalSample",
        "probe_facts",
        "retrieval_probe",
        "sample_limit",
    ),
    "robust": (
        "Setting",
        "robust_heads",
    ),
    "spectral": (
        "head_spread",
        "participation_ratio",
    ),
    "stability": ("probe_stability",),
    "validation": ("validate_circuit",),
    "validation_file": ("read_validation",),
    "verdict": ("is_clear", "is_doubtful", "is_shown_by_contribution", "reservation"),
    "window": ("counted_window",),
}

__all__ = [
    "MOST_TOKENS",
    "RANKINGS",
    "HeadFacts",
    "HeadKinds",
    "Importance",
    "Piece",
    "RaceOptions",
    "RetrievalOptions",
    "RetrievalSample",
    "RetrievalScores",
    "Setting",
    "Share",
    "ValidationOptions",
    "Work",
    "Worker",
    "answerable",
    "answers_right",
    "circuit_of",
    "compare_heads",
    "copied_share",
    "counted_window",
    "done_here",
    "facts_passes",
    "head_facts",
    "head_kinds",
    "head_sets",
    "head_spread",
    "head_values",
    "heads_to_json",
    "is_clear",
    "is_doubtful",
    "is_shown_by_contribution",
    "knockout_sets",
    "layer_matched_sets",
    "leading_heads",
    "measure_heads",
    "n_selected",
    "n_top_heads",
    "participation_ratio",
    "probe_facts",
    "probe_stability",
    "race_heads",
    "rank_heads",
    "read_heads",
    "read_validation",
    "recut",
    "reservation",
    "retrieval_importance",
    "retrieval_probe",
    "retrieval_scores",
    "robust_heads",
    "sample_limit",
    "validate_circuit",
    "with_facts",
    "worker_of",
]


def __getattr__(name: str) -> Any:
    """The heavy names, from the modules that `HEAVY` says."""
    for module, names in HEAVY.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
