"""What sets of heads cost on each token of a solution, all of them in one pass over it.

show_losses(model, ids, first=12, whose="given solution", sets=sets)
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from apps.passes.ablated import INTACT, Ablated, Pass, chances, passed
from apps.views.playground.choices import Sets
from apps.widgets.chart import chart
from apps.words.numbers import WORDS
from workbench.figures import (
    Rise,
    head_name,
    likeliest,
    next_token_bars,
    rise_of,
    token_strip,
    visible,
)
from workbench.models import Model
from workbench.names import ABLATED as SAID

N_LIKELY = 8
LEAST_CHANCE = 0.005


def show_losses(model: Model, ids: tuple[int, ...], *, first: int, whose: str, sets: Sets) -> None:
    """The numbers of every set, a strip each, and what else one of the tokens might have been."""
    before, *after = passed(model, ids, [INTACT, *sets.values()])
    base = before.losses[first:]
    if not len(base):
        st.info(f"The {whose} has no tokens.", icon=":material/inbox:")
        return
    found = [rise_of(before.losses, made.losses, first=first) for made in after]
    rises = {name: rise for name, rise in zip(sets, found, strict=True) if rise is not None}
    _show_numbers(float(base.mean()), rises)
    tokens = [model.tokenizer.decode([i]) for i in ids[first:]]
    st.markdown(f"**As it is: loss of each token of the {whose}**")
    st.html(token_strip(tokens, base, meaning="loss"))
    _show_strips(tokens, rises, sets)
    if rises:
        name = next(iter(rises))
        place = _choose_token(tokens, rises[name])
        _show_next(model, before, after[0], first + place - 1, of=sets[name])


def _show_numbers(base: float, rises: dict[str, Rise]) -> None:
    # Two in a line: names as long as "The circuit without idle heads" are to be read whole.
    lines = [st.columns(2) for _ in range((2 + len(rises)) // 2)]
    columns = [column for line in lines for column in line]
    columns[0].metric("Loss as it is", f"{base:.3f}", help=WORDS["play_loss"])
    for column, (name, rise) in zip(columns[1:], rises.items(), strict=False):
        column.metric(name, f"{rise.mean:+.3f}", help=WORDS["play_rise"])
        column.caption(f"{rise.share:.0%} of tokens suffer", help=WORDS["play_share"])


def _show_strips(tokens: list[str], rises: dict[str, Rise], sets: Sets) -> None:
    """One strip a set, all with the same colours, so that they compare."""
    top = max((float(np.abs(rise.by_token).max()) for rise in rises.values()), default=0.0)
    for name, rise in rises.items():
        heads = ", ".join(head_name(*head) for head in sets[name].heads)
        state = SAID[sets[name].kind].state
        st.markdown(f"**{name} {state}: rise of the loss** ({heads})")
        st.html(token_strip(tokens, rise.by_token, meaning="loss rises by", top=top or None))
    if rises:
        st.caption(WORDS["play_strip"])


def _choose_token(tokens: list[str], rise: Rise) -> int:
    return st.selectbox(
        "Token looked at",
        range(len(tokens)),
        index=rise.worst,
        format_func=lambda i: f"{i + 1}. {visible(tokens[i])} ({rise.by_token[i]:+.3f})",
        help=WORDS["play_place"],
    )


def _show_next(model: Model, before: Pass, after: Pass, at: int, *, of: Ablated) -> None:
    """The likeliest tokens after place `at`, as it is and with the heads ablated."""
    usual, ablated = chances(model, before, at), chances(model, after, at)
    best = likeliest(usual, ablated, N_LIKELY, least=LEAST_CHANCE)
    names = [model.tokenizer.decode([i]) for i in best]
    state = f"heads {SAID[of.kind].state}"
    chart(
        next_token_bars(names, usual[best], ablated[best], ablated=state),
        key="next",
        alt=f"Chances of the next token, as it is and with the {state}",
    )
    st.caption(WORDS["play_next"])
