"""The score of one sample in words: which tokens and which heads make it.

show_split(circuit, view, "excess", per_head=False)
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from apps.passes.attention import TokenView
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.figures import head_name, visible
from workbench.scoring import Split, split_score
from workbench.types import Head

MOST_HEADS = 6


def show_split(
    heads: tuple[Head, ...],
    view: TokenView,
    variant: str,
    *,
    per_head: bool = False,
) -> None:
    """Two sentences: the tokens that make the score, and the heads; nothing of a score of 0."""
    split = split_score(view.by_head, view.uniform, variant, per_head=per_head)
    if split is None:
        return
    lines = [said_of_tokens(split, view.tokens)]
    if len(heads) > 1:
        lines.append(said_of_heads(split, heads))
    st.markdown(literal(" ".join(lines)), help=f"By the variant {variant}. {WORDS['split']}")


def said_of_tokens(split: Split, tokens: tuple[str, ...]) -> str:
    """`82 % of this score is one token: the first (“<s>”).`"""
    order = np.argsort(-split.tokens, kind="stable")
    best = int(order[0])
    name = "the first" if best == 0 else f"number {best + 1}"
    text = (
        f"{split.tokens[best]:.0%} of this score is one token: {name} (“{visible(tokens[best])}”)"
    )
    n_half = int(np.searchsorted(np.cumsum(split.tokens[order]), 0.5)) + 1
    if n_half > 1:
        text += f"; {n_half} of its {len(tokens)} tokens make half of it"
    return f"{text}."


def said_of_heads(split: Split, heads: tuple[Head, ...]) -> str:
    """`By head: L2H3 61%, L1H0 30%, and 3 more 9%.`"""
    order = np.argsort(-split.heads, kind="stable")
    shown = [f"{head_name(*heads[i])} {split.heads[i]:.0%}" for i in order[:MOST_HEADS]]
    rest = order[MOST_HEADS:]
    if len(rest):
        shown.append(f"the {len(rest)} others together {split.heads[rest].sum():.0%}")
    return f"By head: {', '.join(shown)}."
