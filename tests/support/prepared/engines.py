"""Words of `workbench.engines` and `workbench.models`.

OfEngines(shared).lengths
"""

from __future__ import annotations

from functools import cached_property

from tests.support.prepared.package import OfPackage


class OfEngines(OfPackage):
    batch = (0, 1)
    lengths = (3, 4)

    @property
    def work(self):
        return sorted

    @property
    def resolve_placement(self):
        from workbench.models.placement import resolve_placement

        return resolve_placement


class OfSharedNetwork(OfPackage):
    @cached_property
    def weights(self):
        """A fresh network of the checkpoint."""
        return self.public.load_plain("math-tiny")[0]

    @property
    def plan(self):
        """A pass that does nothing beside attending."""
        from workbench.engines.fused import Plan

        return Plan(self.shared.model)
