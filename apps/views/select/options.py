"""The form of the Select & export page: policy, budget and the rest, each in the page's address.

form = draw_form()
with form.more:
    drawn_from = choose_combined(run)
asked = choose_options(form, pool, run, marks)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps.reading.runs import FoundRun
from apps.views.select.more import choose_more, more_ways
from apps.views.select.pool import PreviewPool
from apps.widgets.remembered import keep_inside
from apps.widgets.texts import known_marks
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.selection import DROP, KEEP, LENGTH_BIN, POLICIES, marked
from workbench.stages import SelectOptions

QUOTAS_ALONE = "quotas alone"
BUDGETS = ("share", "rows", "tokens", QUOTAS_ALONE)


class Form(NamedTuple):
    """Where the fields stand: those in sight, and the fold below them."""

    top: DeltaGenerator
    more: DeltaGenerator


def draw_form() -> Form:
    """Two places, to be filled in any order: what is combined decides what can be asked above."""
    return Form(st.container(), more_ways())


def choose_options(form: Form, pool: PreviewPool, run: FoundRun, marks: Path) -> SelectOptions:
    """What is asked; InputError where it is nothing that a selection can be drawn by."""
    with form.top:
        asked = _choose_first(pool)
    with form.more:
        unit = "tokens" if "tokens" in asked else "rows"
        asked |= choose_more(pool, run, group_by=asked["group_by"], unit=unit)
    with form.top:
        kept, dropped = _by_hand(marks)
    if not asked["quota"] and not {"fraction", "n", "tokens"} & set(asked):
        raise InputError(
            "the quotas are the budget, and there are none",
            expected="an amount for at least one group",
            do="set quotas under More ways to choose",
        )
    return SelectOptions(**asked, keep=kept, drop=dropped)


def _choose_first(pool: PreviewPool) -> dict[str, Any]:
    left, right = st.columns(2)
    policies = ["soft", *(name for name in POLICIES if name != "soft")]
    policy = left.selectbox(
        "Policy", policies, key="policy", bind="query-params", help=WORDS["policy"]
    )
    kind = right.selectbox(
        "Budget", BUDGETS, key="budget", bind="query-params", help=WORDS["budget"]
    )
    budget = _choose_budget(kind or BUDGETS[0], pool)
    adjust = st.multiselect(
        "Adjust for",
        pool.properties,
        key="adjust",
        bind="query-params",
        placeholder="nothing",
        help=WORDS["adjust"],
    )
    left, right = st.columns(2)
    groups = ["none", LENGTH_BIN, *pool.groups]
    group = left.selectbox(
        "Group by", groups, key="group_by", bind="query-params", help=WORDS["group_by"]
    )
    temperature = right.number_input(
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
    seed = left.number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help=WORDS["seed"]
    )
    return {
        "policy": policy or "soft",
        **budget,
        "temperature": float(temperature),
        "adjust": ",".join(adjust) or "none",
        "group_by": None if group in (None, "none") else group,
        "seed": int(seed),
    }


def _choose_budget(kind: str, pool: PreviewPool) -> dict[str, float | int]:
    if kind == QUOTAS_ALONE:
        st.caption("As many rows as the quotas under *More ways to choose* say.")
        return {}
    if kind == "rows":
        keep_inside("n_rows", 1, pool.n_rows)
        n = st.number_input(
            "Rows", 1, pool.n_rows, max(1, pool.n_rows // 10), key="n_rows", bind="query-params"
        )
        return {"n": int(n)}
    if kind == "tokens":
        keep_inside("n_tokens", 1, pool.n_tokens)
        tokens = st.number_input(
            "Tokens",
            1,
            pool.n_tokens,
            max(1, pool.n_tokens // 10),
            key="n_tokens",
            bind="query-params",
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
