"""What a probe is chosen by: how many samples, and which.

ProbeOptions(n=300, strategy="stratified", by="subject")
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.options.record import check_options, option

STRATEGIES = ("highest-loss", "random", "stratified")


@dataclass(frozen=True)
class ProbeOptions:
    """Options of `workbench probe build`; see `workbench.probe.build_probe`."""

    n: int = option(300, "Number of samples.", low=1)
    strategy: str = option(
        "highest-loss",
        "highest-loss: the hardest; random: any; stratified: equally many of each value of --by.",
        choices=STRATEGIES,
    )
    trim: float = option(
        0.0, "Share of the highest losses to leave out.", low=0, high=1, open_high=True
    )
    by: str | None = option(None, "Column to stratify by.", metavar="COLUMN")
    seed: int = option(0, "Of the draw.", low=0)

    def __post_init__(self) -> None:
        check_options(self)
