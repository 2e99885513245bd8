"""Circuits: rank heads, cut the top, compare rankings, and check them against chance."""

from workbench.circuits.comparison import compare_heads
from workbench.circuits.heads import (
    Importance,
    circuit_of,
    measure_heads,
    n_selected,
    rank_heads,
)
from workbench.circuits.heads_file import heads_to_json, read_heads
from workbench.circuits.random_sets import layer_matched_sets
from workbench.circuits.validation import validate_circuit

__all__ = [
    "Importance",
    "circuit_of",
    "compare_heads",
    "heads_to_json",
    "layer_matched_sets",
    "measure_heads",
    "n_selected",
    "rank_heads",
    "read_heads",
    "validate_circuit",
]
