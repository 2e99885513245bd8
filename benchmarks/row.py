"""A row of the table: what is measured, against what, and what it should come to.

Row("`workbench --help`", "-", commands.help_text, " s", most=0.5).target
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measure import Measured, Settings


@dataclass(frozen=True)
class Row:
    """`least` or `most` is the target for the figure, in `unit`; `on_gpu`: also measured there."""

    what: str
    against: str
    measure: Callable[[Settings], Measured]
    unit: str
    least: float | None = None
    most: float | None = None
    on_gpu: bool = False

    @property
    def target(self) -> str:
        sign, number = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {number:g}{self.unit}"

    def met(self, value: float) -> bool:
        if self.least is not None:
            return value >= self.least
        return self.most is not None and value <= self.most
