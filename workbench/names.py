"""What sets of heads, measures and components are called: once, for terminal, reports and figures.

SETS["only"].uniform, MEASURES["loss"].label, head_name(3, 5)
"""

from __future__ import annotations

from typing import NamedTuple

NATS = "nats per token"


class HeadSet(NamedTuple):
    """`uniform` completes "made uniform: ...", `short` names the set, or the model, in a figure."""

    uniform: str
    short: str


SETS = {
    "base": HeadSet("nothing", "unchanged model"),
    "circuit": HeadSet("the circuit", "circuit"),
    "random": HeadSet("random sets, mean", "random sets"),
    "bottom": HeadSet("the bottom heads", "bottom heads"),
    "all": HeadSet("all heads", "all heads"),
    "only": HeadSet("all but the circuit", "all but the circuit"),
}
"""The sets of a validation, in the order of its table."""


class AblationName(NamedTuple):
    """`state` comes after "with the heads ...", `how` says how a head is made to fail."""

    state: str
    how: str


ABLATED = {
    "uniform": AblationName("uniform", "uniform attention (as published)"),
    "zero": AblationName("silent", "its output zero"),
    "mean": AblationName("constant", "its output at its mean"),
    "position-mean": AblationName(
        "constant by position", "its output at its mean at each position"
    ),
    "resample": AblationName("resampled", "its output on another sample"),
}
"""The kinds of `workbench.ablation.KINDS`, which is slow to import; there is a test."""


class Measure(NamedTuple):
    """`what` it is, which way `damage` lies, and what a knock-out costs in one word: `lost`."""

    name: str
    unit: str
    lost: str
    damage: str
    what: str

    @property
    def label(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


MEASURES = {
    "loss": Measure(
        "loss", NATS, "loss", "higher: more damage", "mean over the tokens of the given solutions"
    ),
    "accuracy": Measure(
        "right answers",
        "",
        "answers",
        "lower: more damage",
        "share of problems answered right by greedy decoding",
    ),
    "exact": Measure(
        "exact solutions",
        "",
        "exact solutions",
        "lower: more damage",
        "share of given solutions that greedy decoding repeats word for word",
    ),
}
"""By what a validation judges, in the order of its tables."""

LOSS_INCREASE, RETRIEVAL_SCORE = "loss increase", "retrieval score"
COPIED = "share of tokens copied"

COMPONENTS = {
    "query": "query heads",
    "key": "key heads",
    "value": "value heads",
    "neuron": "neurons",
}
VARIANTS = {
    "mask": "masked update",
    "no-mask": "no mask",
    "random": "random mask",
    "lora": "LoRA",
}
"""What an amplification compares: the update of the masked components, and its controls."""


def head_name(layer: int, head: int) -> str:
    """`L3H5`: layer and head, both from 0."""
    return f"L{layer}H{head}"


def importance_name(method: str) -> str:
    """What the heads of a run are ranked by: a loss, or what they copy."""
    return RETRIEVAL_SCORE if method == "retrieval" else LOSS_INCREASE


def random_sets_name(n: int) -> str:
    """`50 random sets, mean`."""
    return f"{n} {SETS['random'].uniform}"
