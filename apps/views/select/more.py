"""More ways to choose, folded away: several scores, caps, quotas, near duplicates.

with more_ways():
    drawn_from = choose_combined(run)
    more = choose_more(pool, run, group_by="source", unit="rows")
"""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps.reading.roots import checked_data
from apps.reading.runs import FoundRun
from apps.reading.workspace import allowed_roots
from apps.views.select.pool import DrawnFrom, PreviewPool
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.errors import WorkbenchError
from workbench.options import CombineOptions, SelectOptions, records
from workbench.selection import LENGTH_BIN, is_scored_data, scored_files

NONE = "none"
# By any of these a link asks for something that is folded away.
KEYS = ("with", "combine", "most", "alike", "quota_by", "quota_of")
MOST_ROWS = 10**12


def more_ways() -> DeltaGenerator:
    """The fold; open from the start where the page's address asks for something in it."""
    is_asked = any(key in st.query_params for key in KEYS)
    return st.expander(
        "More ways to choose", expanded=st.session_state.setdefault("more_is_open", is_asked)
    )


def choose_combined(run: FoundRun) -> DrawnFrom:
    """Further scores of the same data, which count together with those of the run."""
    others = {other.title: other for other in _of_the_same_data(run)}
    if not others:
        return DrawnFrom(run)
    titles = st.multiselect(
        "Together with these scores",
        list(others),
        key="with",
        bind="query-params",
        placeholder="by one score",
        help=WORDS["combine_with"],
    )
    (record,) = records(CombineOptions)
    how = st.selectbox(
        "Combined by",
        record.choices,
        disabled=not titles,
        key="combine",
        bind="query-params",
        help=WORDS["combine"],
    )
    return DrawnFrom(run, tuple(others[title] for title in titles), how or record.default)


def _of_the_same_data(run: FoundRun) -> list[FoundRun]:
    try:
        files = scored_files(run.manifest)
        every = workspace().finished("score")
        return [r for r in every if r.name != run.name and is_scored_data(r.manifest, files)]
    except WorkbenchError:
        # Manifests that hold what no run writes: nothing can be said of their data.
        return []


def choose_more(
    pool: PreviewPool, run: FoundRun, *, group_by: str | None, unit: str
) -> dict[str, Any]:
    """A cap on groups, near duplicates and quotas, as options of `workbench select`."""
    most = st.number_input(
        "At most, rows a group",
        1,
        MOST_ROWS,
        None,
        placeholder="no limit" if group_by else "first choose Group by",
        disabled=group_by is None,
        key="most",
        bind="query-params",
        help=WORDS["max_per_group"],
    )
    return {
        "max_per_group": int(most) if most is not None and group_by else None,
        "near_duplicates": _choose_alike(run),
        "quota": _choose_quotas(pool, unit),
    }


def _choose_alike(run: FoundRun) -> float | None:
    """The likeness from which of two texts only one stays."""
    (record,) = records(SelectOptions, "near_duplicates")
    is_readable = _may_read(run)
    alike = st.number_input(
        "Near duplicates out, from a likeness of",
        float(record.low or 0),
        float(record.high or 1),
        None,
        step=0.05,
        format="%g",
        placeholder="all stay" if is_readable else "the texts cannot be read",
        disabled=not is_readable,
        key="alike",
        bind="query-params",
        help=WORDS["near_duplicates"],
    )
    return float(alike) if alike is not None and is_readable else None


def _may_read(run: FoundRun) -> bool:
    try:
        return all(checked_data(name, allowed_roots()) for name in run.data)
    except (WorkbenchError, OSError):
        return False


def _choose_quotas(pool: PreviewPool, unit: str) -> tuple[str, ...]:
    """How much some groups of one column get, in rows, or in tokens of a token budget."""
    by = st.selectbox(
        "Quotas by",
        [NONE, LENGTH_BIN, *pool.groups],
        key="quota_by",
        bind="query-params",
        help=WORDS["quota_by"],
    )
    if by in (None, NONE):
        return ()
    sizes = pool.sizes(by)
    labels = st.multiselect(
        f"Groups of {by} with a quota",
        list(sizes),
        key="quota_of",
        bind="query-params",
        placeholder="choose some",
        help=WORDS["quota_of"],
    )
    columns = st.columns(2)
    amounts = {
        label: columns[place % 2].number_input(
            f"{literal(label)} ({sizes[label]:,} rows): {unit}",
            0,
            MOST_ROWS,
            max(1, sizes[label] // 10),
            key=f"quota_{label}",
            bind="query-params",
        )
        for place, label in enumerate(labels)
    }
    return tuple(f"{by}={label}:{int(amount)}" for label, amount in amounts.items())
