"""Harder, or only shorter? A selection beside rows at random and rows of its own lengths.

show_against_controls(pool, chosen, seed=0)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from apps.views.select.pool import PreviewPool
from apps.widgets.chart import chart
from apps.words.numbers import WORDS
from workbench.figures import draws_compared, selected_against_pool
from workbench.selection import CLEAR, RANDOM, Selection, control_draws, gap_of, verdict

SELECTED = "selected"
LENGTH = "tokens"


def show_against_controls(pool: PreviewPool, chosen: Selection, *, seed: int) -> None:
    """A table of means with a verdict a line, and the distributions of one of them."""
    ids = pool.frame["row_id"].tolist()
    place_of = {row_id: place for place, row_id in enumerate(ids)}
    places = np.array([place_of[row_id] for row_id in chosen.rows["row_id"]], dtype=np.int64)
    lengths = pool.frame["n_tokens"].to_numpy()
    draws = {SELECTED: places, **control_draws(places, lengths, ids, seed=seed)}
    measures = {LENGTH: lengths.astype(float), **pool.measures}
    _show_means(draws, measures)
    sources = pool.frame["source"].astype(str)
    distributions = {"score": None, LENGTH: measures[LENGTH], **pool.measures}
    if len(set(sources)) > 1:
        distributions["source"] = sources.to_numpy()
    names = list(distributions)
    shown = st.segmented_control(
        "How they are spread",
        names,
        default=LENGTH,
        required=True,
        key="spread",
        bind="query-params",
    )
    _draw(pool, draws, str(shown), distributions)


def _show_means(draws: dict[str, np.ndarray], measures: dict[str, np.ndarray]) -> None:
    rows = []
    for name, values in measures.items():
        parts = {key: values[places] for key, places in draws.items()}
        means = {key: _mean(part) for key, part in parts.items()}
        rows.append(
            {
                "mean of": name,
                **means,
                "all rows": _mean(values),
                "the selection is": _said(name, parts),
            }
        )
    st.markdown("**Harder, or only longer or shorter?**", help=WORDS["harder"])
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        alt="Means over the selected rows, rows at random, and rows of the same lengths",
    )
    if len(measures) == 1:
        st.caption("These rows carry no label of difficulty: score with the loss to have one.")


def _said(name: str, parts: dict[str, np.ndarray]) -> str:
    if name != LENGTH:
        return verdict(*parts.values())
    # Rows of its own lengths are as long by construction.
    errors = gap_of(parts[SELECTED], parts[RANDOM]).errors
    return "longer" if errors >= CLEAR else "shorter" if errors <= -CLEAR else "as long"


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(f"{known.mean():.4g}") if len(known) else None


def _draw(pool: PreviewPool, draws: dict[str, np.ndarray], shown: str, distributions: dict) -> None:
    if shown == "score" or shown not in distributions:
        scores = pool.frame["score"].to_numpy(float)
        figure = selected_against_pool(scores, scores[draws[SELECTED]], name="Score")
        alt = "Score: selected and pool"
    else:
        values = distributions[shown]
        figure = draws_compared({key: values[at] for key, at in draws.items()}, name=shown)
        alt = f"{shown} of the selected rows, of rows at random, and of rows of the same lengths"
    chart(figure, key="spread-chart", alt=alt)
