"""Does a choice of rows teach more than a random one? Arms at equal tokens, effects, a verdict.

from workbench.trial import paired_effect, trial_report
"""

from workbench.trial.arms import POOL, RANDOM, UNTUNED, Arm, arms_of
from workbench.trial.effects import Effect, paired_effect
from workbench.trial.harness import HarnessTasks, TaskOutcome, tasks_fingerprint
from workbench.trial.measure import Evaluation, held_out, losses_of, network_of
from workbench.trial.report import Measured, trial_report
from workbench.trial.rows import Corpus
from workbench.trial.streams import Budget, Stream, budget_of, n_steps_of, streams_of
from workbench.trial.verdict import sentences, warnings_of

__all__ = [
    "POOL",
    "RANDOM",
    "UNTUNED",
    "Arm",
    "Budget",
    "Corpus",
    "Effect",
    "Evaluation",
    "HarnessTasks",
    "Measured",
    "Stream",
    "TaskOutcome",
    "arms_of",
    "budget_of",
    "held_out",
    "losses_of",
    "n_steps_of",
    "network_of",
    "paired_effect",
    "sentences",
    "streams_of",
    "tasks_fingerprint",
    "trial_report",
    "warnings_of",
]
