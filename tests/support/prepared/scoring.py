"""Words of `workbench.scoring`.

OfScoring(shared).request
"""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np
import pandas as pd

from tests.support.prepared.package import OfPackage


class OfScoring(OfPackage):
    scores = np.array([0.5, 0.1, 0.9])
    lengths = np.array([10, 12, 14])
    n_tokens = np.array([4, 5, 6])
    row_ids = ("row-1", "row-2", "row-3")

    @property
    def frame(self):
        return self.shared.frame

    @property
    def loss_base(self):
        return np.full(len(self.shared.completion), 0.5)

    @property
    def loss_weak(self):
        return np.full(len(self.shared.completion), 0.7)

    @cached_property
    def options(self):
        return self.public.ScoreRequest.of("circuitseer")

    @cached_property
    def request(self):
        return self.public.ScoreRequest.of("circuitseer")

    @property
    def method(self):
        from workbench.scoring import SCORERS

        return SCORERS["length"]

    @property
    def score(self):
        return self.method.score

    @property
    def recorded(self):
        """Records of two rows each, as a shard of a table has them."""
        known = {"source": "a.jsonl", "n_tokens_row": 9, "status": "ok"}
        rows = [
            {"row_id": name, "row_index": i, "n_tokens": n, "score": float(n), **known}
            for i, (name, n) in enumerate(zip("abcd", (4, 5, 6, 7), strict=True))
        ]
        return [rows[:2], rows[2:]]

    @property
    def rows(self):
        return self.shared.samples

    @cached_property
    def chars(self):
        text = self.shared.completion
        return np.array([(i, i + 1) for i in range(len(text))])

    @property
    def summary(self):
        path = self.shared.finished("score-circuitseer") / "summary.json"
        return json.loads(path.read_text(encoding="utf-8"))


class OfNaturalness(OfPackage):
    losses = np.array([4.0, 1.0, 2.0, 6.0])
    is_first = np.array([True, False, False, True])

    @cached_property
    def frame(self):
        """Rows as the method `aslec-casl` leaves them."""
        from workbench.scoring.naturalness import parted_mean

        rng = np.random.default_rng(0)
        return pd.DataFrame(
            [parted_mean(-rng.random(4) * self.losses, self.is_first) for _ in range(9)]
        )
