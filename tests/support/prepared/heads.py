"""Heads and circuits, what their ablation costs, and attention patterns.

HeadWords(home, public).circuit
"""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np
import torch

from tests.support.prepared.rows import RowWords


class HeadWords(RowWords):
    """Those of the bundled runs, and numbers drawn at random."""

    @property
    def heads_path(self):
        return self.finished("heads-exact") / "heads.json"

    @cached_property
    def heads(self):
        return self.public.read_heads(self.heads_path)

    @cached_property
    def circuit(self):
        return self.public.circuit_of(self.heads)

    @cached_property
    def sets(self):
        return [(), self.circuit.heads]

    @cached_property
    def ranked(self):
        return [
            self.public.Head(h.layer, h.head)
            for h in sorted(self.heads.heads, key=lambda h: h.rank)
        ]

    @property
    def a(self):
        return self.heads

    @cached_property
    def b(self):
        return self.public.read_heads(self.finished("heads-retrieval") / "heads.json")

    @cached_property
    def importance(self):
        rng = np.random.default_rng(0)
        ids = tuple(s.row_id for s in self.samples)
        return self.public.Importance(
            ids, 1 + rng.random(len(ids)), rng.normal(size=(len(ids), 4, 8))
        )

    @property
    def reasoning(self):
        return self.importance

    @property
    def control(self):
        return self.importance

    @property
    def deltas(self):
        return self.importance.flat

    @cached_property
    def measure(self):
        drawn = np.random.default_rng(0).normal(size=(300, 144)) + np.linspace(9, 0, 144)
        return lambda samples, heads: drawn[np.ix_(samples, heads)]

    @cached_property
    def circuit_costs(self):
        return np.array([0.5, 0.6, 0.4])

    @cached_property
    def random_costs(self):
        return np.array([[0.1, 0.2, 0.1], [0.2, 0.1, 0.3]])

    @property
    def validation_path(self):
        return self.finished("validate") / "validation.json"

    @cached_property
    def report(self):
        return json.loads(self.validation_path.read_text(encoding="utf-8"))

    @cached_property
    def pattern(self):
        return self.public.uniform_pattern(5).repeat(1, 2, 1, 1)

    @property
    def head(self):
        return 0

    @property
    def start(self):
        return torch.tensor([0])

    @property
    def end(self):
        return torch.tensor([5])

    @cached_property
    def uniform(self):
        return self.public.uniform_column_mean(5).numpy()

    @property
    def d_head(self):
        return 4

    @cached_property
    def query(self):
        return torch.randn(2, 3, 7, 4, generator=torch.Generator().manual_seed(0))

    @property
    def key(self):
        return self.query
