"""Words of `workbench.amplification`.

OfAmplification(shared).examples
"""

from __future__ import annotations

import json
from functools import cached_property, partial
from pathlib import Path

import torch

from tests.support.prepared.package import OfPackage


class OfAmplification(OfPackage):
    warnings = ()
    kinds = ("query", "key", "value", "neuron")

    def _file(self, start: str, name: str) -> Path:
        return self.shared.finished(f"amplify-{start}") / name

    @property
    def pivots_path(self):
        return self._file("localize", "pivots.parquet")

    @property
    def mask_path(self):
        return self._file("mask", "mask.json")

    @cached_property
    def summary(self):
        return json.loads(self._file("update-mask", "update.json").read_text(encoding="utf-8"))

    @cached_property
    def kept(self):
        return self.public.read_mask(self.mask_path)[0]

    @cached_property
    def shape(self):
        return self.public.read_mask(self.mask_path)[1]

    @cached_property
    def values(self):
        return {kind: torch.ones(4, self.shape.per_layer(kind)) for kind in self.kinds}

    @cached_property
    def network(self):
        return self.public.plain_network("math-tiny")

    @property
    def wrapped(self):
        """What `network` is around, as `transformers` has it."""
        return self.network.wrapped

    @property
    def pool(self):
        return list(self.public.read_samples(["generated"]))

    @cached_property
    def problems(self):
        return self.public.problems_of(self.network, self.shared.samples[:2])

    @cached_property
    def examples(self):
        found = self.public.read_examples(self.pivots_path)
        return sorted(found, key=lambda example: len(example.prefix))[:6]

    @property
    def rows(self):
        return [example.prefix for example in self.examples]

    @property
    def hooks_of(self):
        from workbench.amplification.mask import mask_hooks

        return partial(mask_hooks, self.shape)

    @cached_property
    def located(self):
        return self.public.find_pivots(
            self.network, self.problems, self.public.PivotOptions(max_new_tokens=8, n_samples=0)
        )

    @cached_property
    def found(self):
        return self.public.learn_mask(
            self.shared.model, self.examples, self.public.MaskOptions(epochs=1)
        )

    @cached_property
    def options(self):
        return self.public.UpdateOptions(steps=1)

    @property
    def accuracy(self):
        return lambda: 0.5

    @cached_property
    def layout(self):
        return self.public.read_layout(self.wrapped, self.shape)

    @property
    def dtypes(self):
        return dict.fromkeys(self.layout.every_name, torch.float32)

    @cached_property
    def trainable(self):
        return self.public.RowMasters(self.wrapped, self.layout.rows(self.kept), self.dtypes)

    @property
    def loss(self):
        return sum(w.sum() for w in self.trainable.weights.values())

    @property
    def greedy(self):
        return (5, 6, 7)

    @property
    def sampled(self):
        return (5, 8, 7)

    @property
    def curve(self):
        return [{"epoch": 1, "kept": 3}]

    @property
    def base(self):
        return json.loads(self._file("report", "measured-base.json").read_text("utf-8"))

    @property
    def report(self):
        return json.loads(self._file("report", "report.json").read_text(encoding="utf-8"))

    @property
    def facts(self):
        return {"problems": self.report["problems"]}

    @property
    def variants(self):
        return {"mask": [self.base | self.summary]}
