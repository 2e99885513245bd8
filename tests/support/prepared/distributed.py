"""Words of `workbench.distributed`.

OfDistributed(shared).opening
"""

from __future__ import annotations

from tests.support import workers
from tests.support.prepared.package import OfPackage


class OfDistributed(OfPackage):
    @property
    def opening(self):
        return workers.open_nothing

    @property
    def work(self):
        return workers.pid_of
