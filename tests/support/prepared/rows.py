"""Rows of the bundled pools, as samples, rendered, and as batches of tokens.

RowWords(home, public).samples
"""

from __future__ import annotations

from functools import cached_property

import torch

from tests.support.prepared.model import ModelWords


class RowWords(ModelWords):
    """Few and short ones."""

    @cached_property
    def samples(self):
        """Four short problems."""
        rows = list(self.public.read_samples(["generated"]))
        return sorted(rows, key=lambda s: len(s.prompt + s.completion))[:4]

    @cached_property
    def sample(self):
        return self.samples[0]

    @cached_property
    def completion(self):
        return "3 + 4 = 7.\nThen 7 - 2 = 5.\nSo the answer is 5.\n#### 5"

    @cached_property
    def decoded_text(self):
        return self.completion

    @cached_property
    def held_out(self):
        return self.samples[2:]

    @cached_property
    def plain_text(self):
        return [s for s in self.public.read_samples(["text"]) if len(s.text or "") < 400][:4]

    @cached_property
    def texts(self):
        return [sample.text for sample in self.plain_text]

    @cached_property
    def sentences(self):
        return self.public.plain_sentences(s.text for s in self.public.read_samples(["text"]))

    @cached_property
    def probe(self):
        return self.public.ProbeSet(tuple(self.samples), strategy="random", seed=0)

    @cached_property
    def rendered(self):
        return self.public.rendered_probe(self.model, self.probe)

    @property
    def batches(self):
        return [list(range(len(self.rendered)))]

    @cached_property
    def prompts(self):
        return [r.ids[: r.prompt_length] for r in self.rendered[:2]]

    @property
    def prompt_ids(self):
        return self.prompts[0]

    @cached_property
    def ids(self):
        return self.public.padded([r.ids for r in self.rendered[:2]], self.model.pad_id)

    n_pos = 5

    @cached_property
    def counted(self):
        return self.public.counted_mask(self.rendered[:2], "completion")

    @property
    def ids_twice(self):
        return self.ids.repeat(2, 1)

    @cached_property
    def residual(self):
        return self.public.capture(self.model, self.ids).final

    @property
    def windows(self):
        return [(0, self.ids.shape[1])] * len(self.ids)

    @property
    def windows_without_sink(self):
        return [(1, self.ids.shape[1])] * len(self.ids)

    @property
    def reference_rows(self):
        return self.rendered

    @property
    def ids_of_rows(self):
        return [r.ids for r in self.rendered[:2]]

    @cached_property
    def ablation(self):
        from workbench.ablation import KINDS, prepare

        return prepare(self.engine, KINDS["mean"], self.reference_rows, seed=0)

    @property
    def spans(self):
        return torch.tensor([[(0, self.ids.shape[1])] * len(self.ids)])
