"""A validation in one sentence, before the sentences with its figures.

headline(report)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.circuits import is_doubtful, is_shown_by_contribution, reservation


def headline(report: Mapping[str, Any]) -> str:
    """What is shown, with what reservation, in doubt, or not shown."""
    if is_shown_by_contribution(report):
        return (
            "Shown by what these heads contribute, which is more than that of random heads of "
            "their layers; not shown by making them uniform."
        )
    if not report["supported"]:
        return "Not shown: that these heads matter more than random heads of their layers."
    if is_doubtful(report):
        return (
            "In doubt: made uniform these heads cost more than random ones of their layers, "
            "without their contribution they do not."
        )
    if but := reservation(report):
        return (
            "Shown with a reservation: these heads matter more than random heads of their layers, "
            f"but {but}."
        )
    return "Shown on this data: these heads matter more than random heads of their layers."
