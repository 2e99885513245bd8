"""Words of `workbench.figures` and `workbench.reports`.

OfFigures(shared).received
"""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tests.support.prepared.package import OfPackage


class OfFigures(OfPackage):
    tokens = ("1", "+", "1")
    received = np.array([0.2, 0.3, 0.5])
    edges = np.array([0.0, 0.5, 1.0])
    counts = np.array([3, 4])
    scores = np.array([0.5, 0.1])
    weights = np.array([1.0, 1.0])
    parts = ("3 + 4 = 7.", "#### 7")
    pool = np.array([0.1, 0.2, 0.3, 0.4])
    chosen = np.array([0.3, 0.4])

    before = np.linspace(1, 2, 20)
    after = np.linspace(1, 3, 20)
    deltas = np.array([0.1, 0.3, 0.2])

    @property
    def path(self):
        return self.shared.heads_path

    @property
    def pattern(self):
        return self.shared.pattern[0, 0, :3, :3].numpy()

    @cached_property
    def mask(self):
        path = self.shared.finished("amplify-mask") / "mask.json"
        return json.loads(path.read_text(encoding="utf-8"))

    @property
    def report_path(self):
        return self.shared.finished("amplify-report") / "report.json"

    @property
    def steps(self):
        table = pd.read_parquet(self.shared.finished("score-air") / "steps.parquet")
        return table[table["row_id"] == table["row_id"][0]]

    @property
    def row(self):
        rows = self.public.read_pivots(self.shared.finished("amplify-localize") / "pivots.parquet")
        return next(row for row in rows if row["status"] == "ok")


class OfReports(OfFigures):
    @property
    def table(self):
        from workbench.reports.table import html_table

        return html_table(["step", "loss"], [(1, 0.5)])

    @property
    def bars(self):
        return go.Figure(go.Bar(y=[0.5, 0.1]))


class OfAmplificationPage(OfPackage):
    @property
    def report(self):
        path = self.shared.finished("amplify-report") / "report.json"
        return json.loads(path.read_text(encoding="utf-8"))
