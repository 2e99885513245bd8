"""Does a selection teach more than random rows? One training an arm and seed, then a verdict.

asked = Asked(selection_paths=[path], data=["gsm8k"])
run_trial(place, source, asked, TrialOptions(seeds=1, eval_n=4), TuneOptions(lora=True))
"""

from __future__ import annotations

from workbench.stages.trial.plan import plan_trial
from workbench.stages.trial.prepared import Asked
from workbench.stages.trial.run import run_trial

__all__ = ["Asked", "plan_trial", "run_trial"]
