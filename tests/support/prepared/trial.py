"""Words of `workbench.trial`, and of what is said of a trial elsewhere; nothing is trained.

OfTrial(shared).report
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tests.support.prepared.package import OfPackage
from tests.support.prepared.selection import OfSelection

READ = {"n_rows": [2], "tokens": [90], "targets": [40], "rounds": [1.0], "n_eval_read": [0]}


class OfTrial(OfSelection):
    @cached_property
    def losses(self):
        return np.random.default_rng(0).uniform(1, 2, (3, 4))

    @cached_property
    def folder(self):
        from tests.trial.made import write_tasks

        return write_tasks(self.shared.home / "tasks", ["1 and 1 make "])

    @property
    def network(self):
        return self.shared.public.plain_network("math-tiny")

    @cached_property
    def arms(self):
        from workbench.selection import shared_pool
        from workbench.trial import arms_of

        return arms_of([self.drawn], shared_pool([self.drawn]))

    @cached_property
    def corpus(self):
        from workbench.selection import shared_pool
        from workbench.trial import Corpus

        tokenizer = self.shared.tokenizer
        return Corpus.of([self.drawn], shared_pool([self.drawn]), tokenizer, n_ctx=512)

    @property
    def samples(self):
        return self.shared.samples

    @property
    def measured(self):
        from workbench.trial import Measured

        losses = {arm.name: self.losses + i for i, arm in enumerate(self.arms)}
        return Measured(losses, {}, {"loss": self.losses[:1]})

    @property
    def comparisons(self):
        return [{**c, "arm": "top"} for c in self.report["comparisons"][:1]]

    @property
    def report(self):
        from workbench.trial import trial_report

        found = trial_report(self.arms, self.measured)
        return found | {
            "arms": [{**arm, **READ} for arm in found["arms"]],
            "model": {"id": "math-tiny"},
            "options": {"lora": False},
            "seeds": [0, 1, 2],
            "budget": {"tokens": 90, "n_steps": 1, "set_tokens": 90},
            "eval": {"data": ["gsm8k"], "n": 4, "n_answers": 0, "left_out": {}},
            "warnings": [],
        }


class OfTrialStage(OfPackage):
    @property
    def path(self):
        return self.shared.drawn.result
