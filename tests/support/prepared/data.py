"""Words of `workbench.config`, `workbench.data` and `workbench.runs`.

OfData(shared).rows
"""

from __future__ import annotations

import random

from tests.support.prepared.package import OfPackage


class OfConfig(OfPackage):
    @property
    def config(self):
        return {"variant": "cv2"}


class OfData(OfPackage):
    rows = ({"prompt": "1 + 1?", "completion": "2"},)
    lengths = (3, 5, 8)

    @property
    def chunks(self):
        return iter([list(self.rows)])

    @property
    def rng(self):
        return random.Random(0)

    @property
    def count(self):
        return lambda document: len(document.prompt) // 2

    @property
    def seen(self):
        return frozenset({self.shared.sample.row_id})


class OfRuns(OfPackage):
    @property
    def work(self):
        finding = self.public.Finding({"mean": 0.5}, counts={"ok": 4})
        return lambda task: finding
