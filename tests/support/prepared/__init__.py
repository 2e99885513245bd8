"""The objects that usage lines name, looked up for the module whose line names them.

prepared = Prepared(home, public)
prepared.word("workbench.tuning.trainer", "examples")
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

from tests.support.prepared.amplification import OfAmplification
from tests.support.prepared.data import OfConfig, OfData, OfRuns
from tests.support.prepared.distributed import OfDistributed
from tests.support.prepared.engines import OfEngines, OfSharedNetwork
from tests.support.prepared.figures import OfAmplificationPage, OfFigures, OfReports
from tests.support.prepared.runs import Shared
from tests.support.prepared.scoring import OfNaturalness, OfScoring
from tests.support.prepared.selection import OfSelection
from tests.support.prepared.stages import (
    OfAmplifyStages,
    OfExport,
    OfFinished,
    OfRobust,
    OfStages,
)
from tests.support.prepared.trial import OfTrial, OfTrialStage
from tests.support.prepared.tuning import OfTuning

WORDS = {
    "config": OfConfig,
    "runs": OfRuns,
    "data": OfData,
    "distributed": OfDistributed,
    "models": OfEngines,
    "models.shared": OfSharedNetwork,
    "engines": OfEngines,
    "scoring": OfScoring,
    "scoring.naturalness": OfNaturalness,
    "selection": OfSelection,
    "figures": OfFigures,
    "reports": OfReports,
    "reports.amplification": OfAmplificationPage,
    "figures.trial": OfTrial,
    "reports.trial": OfTrial,
    "trial": OfTrial,
    "stages.trial": OfTrialStage,
    "cli.text.trial": OfTrial,
    "tuning": OfTuning,
    "amplification": OfAmplification,
    "stages": OfStages,
    "stages.export": OfExport,
    "stages.heads.robust": OfRobust,
    "stages.heads": partial(OfFinished, start="heads-exact", summary="heads.json"),
    "stages.amplify": OfAmplifyStages,
    "cli.text.amplify": partial(OfFinished, start="amplify-mask", summary="mask.json"),
    "cli.text.comparison": OfSelection,
    "cli.text.heads": partial(OfFinished, start="heads-exact", summary="heads.json"),
    "cli.text.probe": partial(OfFinished, start="probe-highest-loss", summary="probe.json"),
    "cli.text.robust": OfRobust,
    "cli.text.scores": partial(OfFinished, start="score-circuitseer", summary="summary.json"),
    "cli.text.selection": partial(OfFinished, start="select-soft", summary="diagnostics.json"),
    "cli.text.tuning": OfTuning,
}


class Prepared:
    """What a word means differs by package in places (`options`), and seldom by module."""

    def __init__(self, home: Path, public: SimpleNamespace):
        self.shared = Shared(home, public)
        self.places = {name: words(self.shared) for name, words in WORDS.items()}

    def word(self, module: str, name: str):
        """The module's word, else its package's, else everyone's; LookupError for none."""
        parts = module.split(".")[1:]
        names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        for place in [*(self.places[n] for n in names if n in self.places), self.shared]:
            if hasattr(type(place), name):
                return getattr(place, name)
        raise LookupError(name)
