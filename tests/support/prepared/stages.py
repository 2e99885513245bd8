"""Words of `workbench.stages`, and the finished runs that stages and the command line tell of.

OfStages(shared).path
"""

from __future__ import annotations

import json
from functools import cached_property

from tests.support.prepared.amplification import OfAmplification
from tests.support.prepared.package import OfPackage
from tests.support.prepared.runs import Shared


class OfFinished(OfPackage):
    """A bundled run as its stage answers from it; `summary` is a file of the run."""

    def __init__(self, shared: Shared, start: str, summary: str):
        super().__init__(shared)
        self.folder, self.file = shared.finished(start), summary

    @property
    def outcome(self):
        path = self.folder / self.file
        summary = json.loads(path.read_text(encoding="utf-8"))
        return self.public.Outcome(self.folder, path, True, summary)


class OfRobust(OfPackage):
    """A consensus of the bundled heads with a circuit chosen from them by hand."""

    @cached_property
    def other_path(self):
        shared = self.shared
        first = [(h.layer, h.head) for h in shared.heads.heads if h.selected]
        return self.public.run_chosen(shared.kept, shared.heads_path, first, by="hand").result

    @property
    def heads_path(self):
        return self.shared.heads_path

    @property
    def outcome(self):
        shared, public = self.shared, self.public
        paths = [self.heads_path, self.other_path]
        return public.run_robust(shared.kept, shared.source, paths, public.RobustOptions())


class OfStages(OfPackage):
    sizes = lengths = (3, 4, 5)
    batches = ([0, 1], [2])

    @property
    def path(self):
        return self.shared.heads_path

    @property
    def work(self):
        return sorted


class OfExport(OfPackage):
    @property
    def outcome(self):
        return self.shared.drawn


class OfAmplifyStages(OfAmplification):
    def _outcome(self, start: str, name: str):
        return OfFinished(self.shared, f"amplify-{start}", name).outcome

    @property
    def pivots(self):
        return self._outcome("localize", "pivots.json")

    @property
    def localized(self):
        return self.pivots.summary

    @property
    def mask(self):
        return self._outcome("mask", "mask.json")

    @cached_property
    def update(self):
        """Of one step: the bundled run has no model beside it."""
        options = self.public.UpdateOptions(steps=1, lrs=(1e-4,), validation_n=2)
        shared = self.shared
        return self.public.run_update(shared.kept, shared.source, self.mask.result, options)

    @property
    def options(self):
        return self.public.ReportOptions(n=2, n_other=0, text_n=2, retrieval_n=2, controls=())
