"""Words of `workbench.tuning`.

OfTuning(shared).examples
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tests.support.prepared.package import OfPackage


class OfTuning(OfPackage):
    n = 4

    @cached_property
    def options(self):
        return self.public.TuneOptions(max_steps=1, batch_size=2)

    @cached_property
    def export(self):
        return self.public.read_export(self.shared.original / "subset")

    @cached_property
    def outcome(self):
        shared = self.shared
        subset = shared.original / "subset"
        return self.public.run_tune(shared.kept, shared.source, subset, self.options)

    @property
    def summary(self):
        return self.outcome.summary

    @property
    def network(self):
        """A fresh network of the checkpoint, which may be trained."""
        return self.public.load_plain("math-tiny")[0]

    @cached_property
    def examples(self):
        rows = self.export.rows()
        return self.public.make_examples(rows, self.shared.tokenizer, n_ctx=512).rows

    @property
    def dataset(self):
        from workbench.tuning.batches import as_dataset

        return as_dataset(self.examples, weighted=True)

    @property
    def optimizer(self):
        return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])

    @property
    def curve(self):
        return [{"step": 1, "loss": 1.0, "learning_rate": 1e-4, "grad_norm": 1.0}]

    @property
    def logits(self):
        return torch.zeros(1, 5, 8)

    @property
    def labels(self):
        return torch.tensor([[0, 1, 2, 3, 4]])

    @property
    def weights(self):
        return torch.ones(1, 5)

    @property
    def chars(self):
        return np.array([[0, 2], [3, 5]])

    @property
    def steps_path(self):
        """The first steps of the bundled run: reading all takes seconds."""
        steps = pd.read_parquet(self.shared.finished("score-air") / "steps.parquet")
        steps[:20].to_parquet("steps.parquet")
        return Path("steps.parquet")
