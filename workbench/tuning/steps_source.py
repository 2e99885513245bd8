"""A table of steps and the weights to take from it, with what a run's name must know of both.

StepsSource(Path("runs/score-air-1a2b3c4d/steps.parquet"), StepWeights("softmax")).fingerprint()
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.config import file_digest
from workbench.errors import InputError
from workbench.options import StepWeights
from workbench.options.tune import FILE
from workbench.runs import read_manifest

READS = {"softmax": ("temperature",), "linear": ("temperature",), "top-fraction": ("top",)}


@dataclass(frozen=True)
class StepsSource:
    """A `steps.parquet` and the weights to take from it."""

    path: Path
    weights: StepWeights = field(default_factory=StepWeights)

    def fingerprint(self) -> dict[str, Any]:
        """The file, whether its own weights count, and the rule that made those that do.

        The rule of the file's own weights is known only if the file lies in the run that made it.
        """
        own = self.weights.rule == FILE
        made_by = _score_settings(self.path.parent) if own else dataclasses.asdict(self.weights)
        rule = made_by.get("weights" if own else "rule")
        reads = READS.get(str(rule), ())
        return {
            "weights": self.weights.rule,
            "rule": {"name": rule, **{name: made_by[name] for name in reads}} if rule else None,
            "steps_sha256": file_digest(self.path),
        }


def _score_settings(folder: Path) -> dict[str, Any]:
    """The configuration of the run in `folder`; empty if there is none."""
    try:
        return read_manifest(folder)["config"]
    except InputError:
        return {}
