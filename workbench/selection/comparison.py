"""Selections side by side: what they share, what they are made of, how long, how highly scored.

report = compare_selections([drawn, drawn])
report["pairs"][0]["jaccard"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64
from scipy.stats import hypergeom

from workbench.data import LABELS, Tally, label_text
from workbench.errors import InputError
from workbench.selection.diagnostics import spread_of
from workbench.selection.drawn import Drawn, SharedPool, row_lengths, shared_pool

MOST_LABELS = 50
"""A column with more values than these is no label."""
LONGEST_LABEL = 60
N_BINS = 20
NONE = "(none)"
DRAWS = ("soft", "random", "length-matched")
"""Policies that draw: with one seed they use the same random number for the same row."""
Chosen = Bool[np.ndarray, " sample"]


def compare_selections(drawn: Sequence[Drawn], *, data: Sequence[str] = ()) -> dict[str, Any]:
    """Plain, JSON-ready figures of two or more selections of one pool.

    Pools of different scores are joined by row id, and what is outside of one of them is left out
    and counted. Labels are read from the scored rows, `data` where these have moved; where they
    are gone, from the scores; `read` is what was read of the rows. Raises InputError for pools that
    share no row.
    """
    pool = shared_pool(drawn)
    inside = [pool.inside(one) for one in drawn]
    tally = Tally()
    labels, source = _labels(pool, drawn[0], data, tally)
    lengths = row_lengths(pool)
    return {
        "pool": {"n": len(pool.table), "whole": pool.whole, "length": spread_of(lengths)},
        "selections": [
            _selection(one, chosen, lengths, pool)
            for one, chosen in zip(drawn, inside, strict=True)
        ],
        "pairs": [
            {
                "a": a,
                "b": b,
                "same_numbers": _same_numbers(drawn[a].about, drawn[b].about),
                **overlap_by_chance(inside[a], inside[b]),
            }
            for a, b in combinations(range(len(drawn)), 2)
        ],
        "percentiles": _percentiles(drawn, inside, pool),
        "labels_from": source,
        **({"read": tally.summary()} if source == "data" else {}),
        "mixes": {name: side_by_side(labels[name].tolist(), inside) for name in labels},
    }


def _same_numbers(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether both were drawn with the same random numbers, so that they share more for it."""
    return a["seed"] == b["seed"] is not None and {a["policy"], b["policy"]} <= set(DRAWS)


def overlap_by_chance(a: Chosen, b: Chosen) -> dict[str, Any]:
    """What two sets of rows share, and what random ones of their sizes would (95 % of draws)."""
    n, n_a, n_b, n_shared = len(a), int(a.sum()), int(b.sum()), int((a & b).sum())
    by_chance = n_a * n_b / n
    low, high = hypergeom.interval(0.95, n, n_a, n_b)
    return {
        "n_shared": n_shared,
        "n_by_chance": by_chance,
        "n_chance_low": int(low),
        "n_chance_high": int(high),
        "jaccard": n_shared / max(1, n_a + n_b - n_shared),
        "jaccard_by_chance": by_chance / max(1, n_a + n_b - by_chance),
    }


def _selection(
    drawn: Drawn, chosen: Chosen, lengths: Float64[np.ndarray, " sample"], pool: SharedPool
) -> dict[str, Any]:
    n = int(chosen.sum())
    if not n:
        raise InputError(
            f"no row of '{drawn.name}' is among the {len(chosen)} rows that all pools share",
            expected="selections of the same data",
        )
    scores = _scores(drawn, pool)
    edges = np.histogram_bin_edges(scores, N_BINS)
    return {
        "name": drawn.name,
        **drawn.about,
        "n": n,
        "n_outside": len(drawn.rows) - n,
        "tokens": int(lengths[chosen].sum()),
        "length": spread_of(lengths[chosen]),
        "score": spread_of(scores[chosen]),
        "histogram": {
            "edges": edges.tolist(),
            "pool": np.histogram(scores, edges)[0].tolist(),
            "selected": np.histogram(scores[chosen], edges)[0].tolist(),
        },
    }


def _scores(drawn: Drawn, pool: SharedPool) -> Float64[np.ndarray, " sample"]:
    """What the selection's own scores say of the pool's rows."""
    ok = drawn.pool.loc[(drawn.pool["status"] == "ok").to_numpy()]
    own = ok.set_index(ok["row_id"].astype(str))["score"]
    return own.loc[pool.row_ids].to_numpy(dtype=np.float64)


def _percentiles(
    drawn: Sequence[Drawn], inside: Sequence[Chosen], pool: SharedPool
) -> list[list[float]]:
    """Mean percentile of each selection's rows (outer) in the scores behind each one (inner)."""
    ranks = [pd.Series(_scores(one, pool)).rank(method="average").to_numpy() for one in drawn]
    n = len(pool.table)
    return [[float(((rank[c] - 0.5) / n).mean()) for rank in ranks] for c in inside]


def _labels(
    pool: SharedPool, drawn: Drawn, data: Sequence[str], tally: Tally
) -> tuple[dict[str, pd.Series], str]:
    """Source and every column with few values, and where the columns were found."""
    try:
        found, where = _labels_of_rows(pool, drawn, data, tally), "data"
    except InputError:
        if data:
            raise
        found, where = _labels_of_table(pool.table), "scores"
    sources = pd.Series(pool.table["source"].astype(str))
    return {"source": sources, **found}, where


def _labels_of_rows(
    pool: SharedPool, drawn: Drawn, data: Sequence[str], tally: Tally
) -> dict[str, pd.Series]:
    wanted, rows, columns = set(pool.row_ids), {}, Columns()
    for sample in drawn.samples(data, tally):
        if sample.row_id in wanted:
            rows[sample.row_id] = columns.labels(sample.row)
    none: dict[str, str] = {}
    return {
        name: pd.Series([rows.get(i, none).get(name, NONE) for i in pool.row_ids])
        for name in columns.names
    }


class Columns:
    """Which columns are labels: no value of theirs is a text or a list, and many rows share one.

    State: the rows and values met so far, and the columns that have shown to be none.
    """

    def __init__(self) -> None:
        self._n_rows = 0
        self._values: dict[str, set[str]] = {}
        # Its mix is told anyway, as read.
        self._others = {"source"}

    @property
    def names(self) -> list[str]:
        most = self._n_rows // 2
        return [name for name, found in self._values.items() if 1 < len(found) <= most]

    def labels(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The labels of a row, by column."""
        found = {}
        self._n_rows += 1
        for name, value in row.items():
            if name in self._others or value is None:
                continue
            known = self._values.setdefault(name, set())
            label = label_text(value) if _is_label(value) else None
            if label is not None and (label in known or len(known) < MOST_LABELS):
                known.add(label)
                found[name] = label
            else:
                self._others.add(name)
                del self._values[name]
        return found


def _labels_of_table(table: pd.DataFrame) -> dict[str, pd.Series]:
    found = {}
    for name in (name for name in LABELS if name in table):
        there = table[name].notna()
        texts = table[name].map(label_text).where(there, NONE)
        if 1 < len(set(texts)) <= MOST_LABELS:
            found[name] = texts
    return found


def _is_label(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= LONGEST_LABEL
    return isinstance(value, int) or (isinstance(value, float) and value == value)


def side_by_side(names: Sequence[str], inside: Sequence[Chosen]) -> list[dict[str, Any]]:
    """Rows of each name in the pool and in each selection, by name."""
    before = Counter(names)
    after = [Counter(name for name, there in zip(names, c, strict=True) if there) for c in inside]
    return [
        {"name": name, "n_pool": n, "n": [counts[name] for counts in after]}
        for name, n in sorted(before.items())
    ]
