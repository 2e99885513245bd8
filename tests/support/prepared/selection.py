"""Words of `workbench.selection`.

OfSelection(shared).pool_table
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from tests.support.prepared.package import OfPackage


class OfSelection(OfPackage):
    n_tokens = np.array([10, 20, 30, 40])
    order = np.array([2, 0, 3, 1])
    row_ids = ("row-1", "row-2", "row-3", "row-4")

    @property
    def scores(self):
        return self.shared.frame

    @property
    def selection_path(self):
        return self.shared.drawn.result

    @property
    def drawn(self):
        from workbench.selection import read_drawn

        return read_drawn(self.selection_path, self.shared.kept.runs)

    @property
    def pool(self):
        return self.shared.frame

    @property
    def chosen_ids(self):
        return self.pool["row_id"][:10].tolist()

    @property
    def other_ids(self):
        return self.pool["row_id"][5:15].tolist()

    @cached_property
    def pool_table(self):
        from workbench.selection.pool import read_pool

        return read_pool(self.shared.frame)

    @property
    def signatures(self):
        return np.random.default_rng(0).integers(2**32, size=(len(self.pool), 256), dtype=np.uint32)

    @property
    def order_of(self):
        return lambda table: np.arange(len(table))

    @property
    def chosen_positions(self):
        return np.arange(5)

    @property
    def p(self):
        n = len(self.pool_table)
        return np.full(n, 1 / n)

    @property
    def selection(self):
        ids = [s.row_id for s in self.shared.samples[:2]]
        return pd.DataFrame({"row_id": ids, "score": 1.0, "p": 0.5, "rank": [1, 2]})

    @property
    def row(self):
        return dict(self.shared.sample.row)

    @cached_property
    def layout(self):
        from workbench.selection.layout import row_layout, shape_of_export

        return row_layout(self.row, shape_of_export(self.shared.sample, "jsonl"))
