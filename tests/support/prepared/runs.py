"""All words that mean the same in every package; the last of them are runs and tables.

shared = Shared(home, public)
shared.model, shared.samples, shared.scores_path
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from tests.support.prepared.heads import HeadWords


class Shared(HeadWords):
    """Each made once, small, and only when a line names it."""

    @property
    def place(self):
        """Where a line's own runs go, in its own folder."""
        return self.public.Place(Path("runs"))

    @property
    def kept(self):
        """Where the runs go that words are made from."""
        return self.public.Place(self.home / "runs")

    @cached_property
    def probe_path(self):
        options = self.public.ProbeOptions(n=8, strategy="random")
        return self.public.run_probe(self.kept, self.source, ["generated"], options).result

    @property
    def scores_path(self):
        return self.finished("score-circuitseer") / "scores.parquet"

    @cached_property
    def frame(self):
        return pd.read_parquet(self.scores_path)

    @cached_property
    def drawn(self):
        """A selection whose scores, and the data behind them, are still there."""
        request = self.public.ScoreRequest.of("length")
        scores = self.public.run_score(self.kept, self.source, ["math"], request)
        options = self.public.SelectOptions("top", n=2)
        return self.public.run_select(self.kept, scores.result, options)

    @property
    def spec(self):
        return self.public.RunSpec("score-circuitseer", {"variant": "cv2"}, {})

    @property
    def shards(self):
        return enumerate([pa.table({"score": [0.5]}), pa.table({"score": [0.25]})])

    @property
    def sha256(self):
        return "0" * 64

    @property
    def provenance(self):
        return {"model": "math-tiny", "method": "circuitseer", "policy": "soft", "seed": 0}
