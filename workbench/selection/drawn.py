"""A finished selection with the pool that it was drawn from, as far as the runs still tell.

drawn = read_drawn(selection_path, Path("runs"))
pool = shared_pool([drawn, drawn])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from workbench.data import Tally, fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.selection.joined import shared_ids
from workbench.selection.provenance import (
    is_scored_data,
    pool_behind,
    provenance_of,
    scored_as,
    scored_data,
    scored_files,
    stages_behind,
)
from workbench.selection.scored_rows import scored_rows
from workbench.selection.tables import read_selection
from workbench.types import Sample

ABOUT = ("method", "variant", "policy", "adjust", "seed")


@dataclass(frozen=True)
class Drawn:
    """`rows` of selection.parquet, the scores table `pool` behind them, and the runs behind."""

    name: str
    rows: pd.DataFrame
    pool: pd.DataFrame
    chain: Mapping[str, Any]

    @property
    def row_ids(self) -> list[str]:
        return self.rows["row_id"].astype(str).tolist()

    @property
    def about(self) -> dict[str, Any]:
        """How it was drawn; None where the runs do not say."""
        known = provenance_of(self.chain)
        return {name: known.get(name) for name in ABOUT}

    def samples(self, data: Sequence[str] = (), tally: Tally | None = None) -> Iterable[Sample]:
        """The readable rows that were scored, checked by id and content; or of `data`, moved.

        What is read is counted in `tally`.
        """
        score = self.chain.get("score")
        sources = list(data) or scored_data(score)
        same_files = not data or is_scored_data(score, fingerprint_sources(sources))
        rows = read_samples(sources, scored_as(score), tally=tally)
        scored = scored_rows(self.pool, same_files=same_files)
        return (row for row in scored.checked(rows) if isinstance(row, Sample))


def read_drawn(path: Path, runs: Path) -> Drawn:
    """The selection in the file `path`; InputError where the scores behind it are gone."""
    chain = stages_behind(path, runs)
    pool = pool_behind(path, runs, chain)
    if pool is None:
        raise InputError(
            f"the scores that '{path}' was drawn from are not there",
            expected="the run of `workbench score` beside it or under --runs",
            do="pass --runs, or score and select again",
        )
    name = path.parent.name if "select" in chain else path.stem
    return Drawn(name, read_selection(path), pool, chain)


@dataclass(frozen=True)
class SharedPool:
    """The scored rows that all selections were drawn from, as the first one's table has them.

    `whole` says that they are every scored row of each pool.
    """

    table: pd.DataFrame
    whole: bool

    @property
    def row_ids(self) -> list[str]:
        return self.table["row_id"].tolist()

    def inside(self, drawn: Drawn) -> Bool[np.ndarray, " sample"]:
        """Which rows of the pool the selection took."""
        return self.table["row_id"].isin(drawn.row_ids).to_numpy()


def shared_pool(drawn: Sequence[Drawn]) -> SharedPool:
    """Join the pools by row id, each row checked to be one row; InputError if they share none."""
    data = scored_files(drawn[0].chain["score"])
    same_files = all(is_scored_data(one.chain["score"], data) for one in drawn)
    names = [f"{place}: {one.name}" for place, one in enumerate(drawn, start=1)]
    pools = {name: one.pool for name, one in zip(names, drawn, strict=True)}
    ids = shared_ids(pools, same_files=same_files)
    first = drawn[0].pool.assign(row_id=drawn[0].pool["row_id"].astype(str))
    ok = first.loc[
        (first["status"] == "ok").to_numpy() & first["row_id"].isin(ids.tolist()).to_numpy()
    ]
    sizes = [one.pool["status"].tolist().count("ok") for one in drawn]
    table = ok.sort_values("row_index", kind="stable").reset_index(drop=True)
    return SharedPool(table, whole=set(sizes) == {len(ids)})


def row_lengths(pool: SharedPool) -> Float64[np.ndarray, " sample"]:
    """Tokens of the whole row, in older tables of the part that was scored."""
    name = "n_tokens_row" if "n_tokens_row" in pool.table else "n_tokens"
    return pool.table[name].to_numpy(dtype=np.float64)
