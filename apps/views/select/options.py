"""The form of the Select & export page, and the rows its preview is drawn from.

options = choose_options(pool)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.widgets.remembered import keep_inside
from apps.widgets.texts import known_marks
from apps.words.numbers import WORDS
from workbench.data import LABELS
from workbench.selection import ADJUSTED, DROP, KEEP, LENGTH_BIN, LOSSES, POLICIES, marked
from workbench.stages import SelectOptions

MOST_PREVIEWED = 20_000
MOST_GROUPS = 50
BUDGETS = ("share", "rows", "tokens")
GROUPS = ("source", "subject", "level", "n_steps")
COLUMNS = (
    "row_id",
    "row_index",
    "source",
    "n_tokens",
    "score",
    "score_within_length",
    "status",
    *LABELS,
    *LOSSES,
)


@dataclass(frozen=True)
class PreviewPool:
    """Scored rows to try a selection on: all of them, or an even sample of many (`share`).

    `measures` are the labels of difficulty that the rows carry, as numbers.
    """

    frame: pd.DataFrame
    share: float
    measures: Mapping[str, np.ndarray]

    @property
    def groups(self) -> list[str]:
        return [name for name in GROUPS if _varies(self.frame, name)]

    @property
    def adjustments(self) -> list[str]:
        """None, length, and length with the loss and the source where rows differ in them."""
        known = {name for name in self.frame if bool(self.frame[name].notna().to_numpy().any())}
        more = ["loss"] * any(name in known for name in LOSSES)
        more += ["source"] * _varies(self.frame, "source")
        return [*ADJUSTED, *(f"length,{name}" for name in more), *_all_of(more)]

    def scaled(self, options: SelectOptions) -> SelectOptions:
        """The options with the budget that falls to the sample."""
        if self.share == 1:
            return options
        parts = {name: getattr(options, name) for name in ("n", "tokens")}
        cut = {k: max(1, round(v * self.share)) for k, v in parts.items() if v is not None}
        return dataclasses.replace(options, **cut)


def preview_pool(table: ScoreTable, texts: Texts | None) -> PreviewPool:
    """Up to 20,000 rows, so that every change of an option shows at once."""
    places = table.sample(table.ok, MOST_PREVIEWED)
    frame = table.rows(places, COLUMNS)
    labels = {name: frame[name].to_numpy(float) for name in LABELS if name in frame}
    measures = {name: values for name, values in labels.items() if np.isfinite(values).any()}
    if texts is not None:
        rows = frame["row_index"].to_numpy()
        # Data that has lost rows since it was scored has no labels for them.
        there = rows < texts.table.num_rows
        for name in ("subject", "level"):
            if len(texts.labels(name)) > 1:
                labels = np.full(len(rows), None, dtype=object)
                labels[there] = texts.table[name].take(rows[there]).to_pylist()
                frame[name] = labels
    return PreviewPool(frame, len(places) / max(1, len(table.ok)), measures)


def _all_of(more: list[str]) -> list[str]:
    return [",".join(["length", *more])] if len(more) > 1 else []


def _varies(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and 1 < len(set(frame[column].dropna())) <= MOST_GROUPS


def choose_options(pool: PreviewPool, table: ScoreTable, marks: Path) -> SelectOptions:
    """Policy, budget and the rest; every choice is in the page's address."""
    left, right = st.columns(2)
    policies = ["soft", *(name for name in POLICIES if name != "soft")]
    policy = left.selectbox(
        "Policy", policies, key="policy", bind="query-params", help=WORDS["policy"]
    )
    kind = right.selectbox(
        "Budget", BUDGETS, key="budget", bind="query-params", help=WORDS["budget"]
    )
    budget = _choose_budget(kind or BUDGETS[0], table)
    left, right = st.columns(2)
    adjust = left.selectbox(
        "Adjust", pool.adjustments, key="adjust", bind="query-params", help=WORDS["adjust"]
    )
    groups = ["none", LENGTH_BIN, *pool.groups]
    group = right.selectbox(
        "Group by", groups, key="group_by", bind="query-params", help=WORDS["group_by"]
    )
    temperature = left.number_input(
        "Temperature",
        0.05,
        100.0,
        1.0,
        step=0.25,
        disabled=policy != "soft",
        key="temperature",
        bind="query-params",
        help=WORDS["temperature"],
    )
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help=WORDS["seed"]
    )
    kept, dropped = _by_hand(marks)
    return SelectOptions(
        policy or "soft",
        **budget,  # pyright: ignore[reportArgumentType]  # a share or a whole number, by its name
        temperature=float(temperature),
        adjust=adjust or "none",
        group_by=None if group in (None, "none") else group,
        seed=int(seed),
        keep=kept,
        drop=dropped,
    )


def _choose_budget(kind: str, table: ScoreTable) -> dict[str, float | int]:
    n_rows, n_tokens = len(table.ok), int(table.scored("n_tokens").sum())
    if kind == "rows":
        keep_inside("n_rows", 1, n_rows)
        n = st.number_input(
            "Rows", 1, n_rows, max(1, n_rows // 10), key="n_rows", bind="query-params"
        )
        return {"n": int(n)}
    if kind == "tokens":
        keep_inside("n_tokens", 1, n_tokens)
        tokens = st.number_input(
            "Tokens", 1, n_tokens, max(1, n_tokens // 10), key="n_tokens", bind="query-params"
        )
        return {"tokens": int(tokens)}
    percent = st.slider("Share of the rows, %", 1, 100, 10, key="percent", bind="query-params")
    return {"fraction": percent / 100}


def _by_hand(marks: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Rows kept and dropped on the Samples page, if they are to count."""
    found = known_marks(marks)
    if not found:
        return (), ()
    kept, dropped = marked(found, KEEP), marked(found, DROP)
    counts = f"{len(kept)} kept and {len(dropped)} dropped by hand"
    if not st.toggle(counts, True, key="by_hand", bind="query-params", help=WORDS["by_hand"]):
        return (), ()
    return kept, dropped
