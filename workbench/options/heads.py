"""How heads are looked for: by ablation (all of them, or a race), or by what they copy.

HeadsOptions(method="screen", confidence=0.99)
RetrievalOptions(n=200, decode=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.names import ABLATED
from workbench.options.record import check_options, option

RACES = ("race", "screen")
RANKS = ("delta", "contrast", "contribution", "both")


def _fraction() -> Any:
    return option(0.05, "Share of heads in the circuit.", low=0, high=1, open_low=True)


def _min_heads() -> Any:
    return option(1, "At least so many.", low=1)


def ablation_option() -> Any:
    return option(
        "uniform",
        f"How a head is made to fail: {', '.join(name.how for name in ABLATED.values())}.",
        choices=tuple(ABLATED),
    )


def count_window(count: str) -> tuple[str, int]:
    """`first` or `last` and how many tokens; `all` and 0. Raises InputError for anything else."""
    kind, colon, n = count.partition(":")
    if count == "all":
        return kind, 0
    if not (kind in ("first", "last") and colon and n.isdecimal() and int(n) > 0):
        raise InputError(
            f"--count is '{count}'",
            expected="first:N, last:N or all, N a number of tokens",
            do="pass --count first:200, for example",
        )
    return kind, int(n)


@dataclass(frozen=True)
class HeadsOptions:
    """`fraction` of all heads, at least `min_heads`, become the circuit.

    They are ranked by `rank`: delta, or contrast with a control probe of `control_n` samples. The
    methods `race` and `screen` start on `first` samples and go for `confidence`; heads within
    `tolerance` of the least selected one may stand for it.
    """

    method: str = option(
        "exact",
        "race: drop heads on few samples; screen: race those that gradients nominate.",
        choices=("exact", *RACES),
    )
    confidence: float = option(
        0.95,
        "That the circuit is the one of the whole probe; read by race and screen.",
        low=0,
        high=1,
        open_low=True,
        open_high=True,
    )
    tolerance: float = option(
        0.1,
        "How much more a head left out may matter, as a share of the least selected head's "
        "importance; 0: not at all. Read by race and screen.",
        low=0,
    )
    first: int = option(8, "Samples that all heads start on; read by race and screen.", low=2)
    fraction: float = _fraction()
    min_heads: int = _min_heads()
    control_n: int = option(100, "Samples drawn from the control data.", low=1)
    rank: str = option(
        "delta",
        "contrast: by what the problems need more than the control data [--control text]; "
        "contribution: by the cost of the output at its mean; both: by the smaller of the two.",
        choices=RANKS,
    )
    ablation: str = ablation_option()
    count: str = option(
        "all",
        "Tokens of each solution whose loss counts; first:N also runs no later ones.",
        metavar="first:N|last:N|all",
    )
    seed: int = option(0, "Of resamples and of the control's draw.", low=0)

    def __post_init__(self) -> None:
        check_options(self)
        count_window(self.count)


@dataclass(frozen=True)
class RaceOptions(HeadsOptions):
    """The same for the methods that race; `batch_tokens` are the tokens of one batch."""

    method: str = option("race", "How heads are dropped.", choices=RACES)
    batch_tokens: int = 2048


@dataclass(frozen=True)
class RetrievalOptions:
    """`n` samples, each filled up to the model's context, `limit` or 4,096 tokens.

    `n_shots` solved questions and keys of `key_length` characters are the paper's. `decode` counts
    only the samples whose value greedy decoding reproduces. `fraction` of all heads, at least
    `min_heads`, become the circuit.
    """

    n: int = option(800, "Samples.", low=1)
    limit: int | None = option(None, "Most tokens of a retrieval sample, up to 4096.", low=1)
    n_shots: int = option(3, "Solved questions of a retrieval sample.", low=0, flag="--shots")
    key_length: int = option(32, "Characters of a key.", low=4)
    decode: bool = option(False, "Count only retrievals that greedy decoding gets right.")
    fraction: float = _fraction()
    min_heads: int = _min_heads()
    seed: int = option(0, "Of the samples.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class RobustOptions:
    """The circuit of several finished runs: the heads that a share `keep` of them selects."""

    keep: float = option(
        1.0,
        "Share of the settings that must have a head in their circuit; 1: strict consensus.",
        low=0,
        high=1,
        open_low=True,
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class SettingsOptions:
    """Settings of a robust circuit to be run: for each source so many draws, kinds and windows."""

    n: int = option(100, "Samples of each probe, drawn at random from one source.", low=1)
    probes: int = option(3, "Draws from each source, by the seeds 0, 1, ...", low=1)
    kinds: tuple[str, ...] = option(
        ("uniform", "mean"),
        "How a head is made to fail; repeatable.",
        choices=tuple(ABLATED),
        many=True,
        flag="--kind",
    )
    counts: tuple[str, ...] = option(
        ("all",),
        "Tokens of each solution whose loss counts; repeatable.",
        many=True,
        flag="--count",
        metavar="first:N|last:N|all",
    )
    fraction: float = _fraction()
    min_heads: int = _min_heads()

    def __post_init__(self) -> None:
        check_options(self)
        for count in self.counts:
            count_window(count)
