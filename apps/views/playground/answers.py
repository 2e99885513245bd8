"""What the model answers, as it is and without each set of heads: on request, and as it comes.

show_answers(model, sample, ablated, sets, n_new=96)
"""

from __future__ import annotations

import streamlit as st

from apps.passes.ablated import INTACT, Ablated, answer_pieces, prompt_ids
from apps.views.playground.choices import Sets
from apps.words.numbers import WORDS
from workbench.config import digest
from workbench.data import is_right, reference_answer
from workbench.engines import decoded_text
from workbench.models import Model
from workbench.names import ABLATED as SAID
from workbench.types import Sample

ASKED = "answers-asked"


def is_asked(sample: Sample, ablated: Ablated, n_new: int) -> bool:
    """Whether the reader has asked for just these answers."""
    return st.session_state.get(ASKED) == _question(sample, ablated, n_new)


def show_answers(model: Model, sample: Sample, ablated: Ablated, sets: Sets, *, n_new: int) -> None:
    """The greedy answers of the unchanged model and of every set, each right or wrong."""
    if not is_asked(sample, ablated, n_new):
        asked = _question(sample, ablated, n_new)
        st.button(
            "Let the model answer",
            icon=":material/edit_note:",
            help=WORDS["play_answer"],
            on_click=lambda: st.session_state.update({ASKED: asked}),
        )
        return
    st.button("Stop", icon=":material/stop:", on_click=lambda: st.session_state.pop(ASKED, None))
    ids, right, answers = prompt_ids(model, sample), reference_answer(sample), []
    named = {"As it is": INTACT} | {f"{k} {SAID[v.kind].state}": v for k, v in sets.items()}
    # Two beside each other, each pair on a line of its own.
    places = [column for _ in range(0, len(named), 2) for column in st.columns(2)]
    for number, (name, chosen) in enumerate(named.items()):
        with places[number]:
            st.markdown(f"**{name}**")
            answers.append(_stream_answer(model, ids, chosen, n_new))
            if right is not None:
                is_it = is_right(answers[-1], right)
                st.badge("right" if is_it else "wrong", color="green" if is_it else "orange")
            if number:
                same = answers[0] == answers[-1]
                st.caption("The same answer as it is." if same else "Another answer.")
    if right is None:
        st.caption("Without an answer in the data none can be marked right or wrong.")


def _question(sample: Sample, ablated: Ablated, n_new: int) -> str:
    return digest([sample.prompt, str(ablated), n_new])


def _stream_answer(model: Model, ids: tuple[int, ...], chosen: Ablated, n_new: int) -> str:
    """What is decoded so far; whatever the reader does next ends it."""
    place, new, text = st.empty(), (), ""
    for new in answer_pieces(model, ids, chosen, n_new=n_new):
        text = decoded_text(model, new)
        place.code(text, language=None, wrap_lines=True)
    if not text:
        place.code("(nothing)", language=None)
    if len(new) >= n_new:
        st.caption(f"Cut after {n_new} tokens.")
    return text
