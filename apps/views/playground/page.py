"""Playground: what does one problem lose when some heads stop looking where they look?"""

from __future__ import annotations

import streamlit as st

from apps.passes.ablated import (
    INTACT,
    Ablated,
    Pass,
    answer_pieces,
    chances,
    greedy,
    passed,
    prompt_ids,
)
from apps.passes.model import loaded, local_model
from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.views.playground.choices import (
    Sets,
    beside_sets,
    choose_ablation,
    choose_heads,
    choose_problem,
)
from apps.widgets.addressed import choose_addressed
from apps.widgets.chart import chart
from apps.widgets.runs import workspace
from apps.widgets.sample_card import show_text
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench import models
from workbench.catalog import here
from workbench.circuits import read_heads
from workbench.config import digest
from workbench.data import is_right, reference_answer
from workbench.engines import decoded_text
from workbench.figures import head_name, likeliest, next_token_bars, rise_of, token_strip, visible
from workbench.models import Model, UnrenderableError
from workbench.names import ABLATED as SAID
from workbench.types import HeadScores, Sample

N_LIKELY = 8
LEAST_CHANCE = 0.005
ASKED = "answers-asked"
OTHER = "another model"


def choose_model() -> tuple[Model, HeadScores | None, FoundRun | None]:
    """That of a circuit with the circuit, a bundled model, or any other that may be loaded."""
    circuits = {run.title: run for run in workspace().finished("heads")}
    with st.sidebar:
        names = [*circuits, *here(), OTHER]
        choice = choose_addressed("Circuit or model", names, key="circuit")
    run = circuits.get(choice)
    if run is not None:
        heads = load(read_heads, run.result)
        model = local_model(run, heads.model)
    else:
        heads, name = None, choice
        if name == OTHER:
            name = st.sidebar.text_input(
                "Folder or hub id",
                key="playground_model",
                bind="query-params",
                placeholder="owner/name",
                help=WORDS["model"],
            )
        model = loaded(name) if name else None
        if not name:
            st.info("Name a model folder or a hub id in the sidebar.", icon=":material/edit:")
    if model is None:
        st.stop()
    return model, heads, run


def show_answers(model: Model, sample: Sample, ablated: Ablated, n_new: int) -> None:
    """The greedy answers, as it is and with the heads ablated: on request, and as they come."""
    ids, asked = prompt_ids(model, sample), digest([sample.prompt, str(ablated), n_new])
    wanted = st.session_state.get(ASKED) == asked
    if not wanted:
        st.button(
            "Let the model answer",
            icon=":material/edit_note:",
            help=WORDS["play_answer"],
            on_click=lambda: st.session_state.update({ASKED: asked}),
        )
        return
    st.button("Stop", icon=":material/stop:", on_click=lambda: st.session_state.pop(ASKED, None))
    right, answers = reference_answer(sample), []
    named = (("As it is", INTACT), (f"With these heads {SAID[ablated.kind].state}", ablated))
    for column, (name, chosen) in zip(st.columns(2), named, strict=True):
        with column:
            st.markdown(f"**{name}**")
            answers.append(_stream_answer(model, ids, chosen, n_new))
            if right is not None:
                is_it = is_right(answers[-1], right)
                st.badge("right" if is_it else "wrong", color="green" if is_it else "orange")
    if ablated.heads:
        same = answers[0] == answers[1]
        st.caption("The same answer." if same else "The answers differ.")


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


def show_losses(model: Model, sample: Sample, ablated: Ablated, sets: Sets, n_new: int) -> None:
    """Which tokens of the solution needed the heads, and what else one of them might have been."""
    prompt = prompt_ids(model, sample)
    if sample.has_completion:
        ids, whose = models.render(sample, model.tokenizer).ids[: model.n_ctx], "given solution"
    elif st.session_state.get(ASKED) == digest([sample.prompt, str(ablated), n_new]):
        ids = (prompt + greedy(model, prompt, INTACT, n_new=n_new))[: model.n_ctx]
        whose = "model's own answer"
    else:
        st.caption("Without a solution there is no loss yet: let the model write one.")
        return
    every = passed(model, ids, [INTACT, ablated, *sets.values()])
    before, after = every[:2]
    rise = rise_of(before.losses, after.losses, first=len(prompt))
    if rise is None:
        st.info(f"The {whose} has no tokens.", icon=":material/inbox:")
        return
    columns = st.columns(3)
    columns[0].metric("Loss as it is", f"{rise.base:.3f}", help=WORDS["play_loss"])
    columns[1].metric("Rise", f"{rise.mean:+.3f}", help=WORDS["play_rise"])
    columns[2].metric("Tokens that suffer", f"{rise.share:.0%}", help=WORDS["play_share"])
    for name, other in zip(sets, every[2:], strict=True):
        beside = rise_of(before.losses, other.losses, first=len(prompt))
        if beside is not None:
            st.caption(f"{name}: {beside.mean:+.3f}, {beside.share:.0%} of the tokens suffer.")
    st.markdown(f"**Rise of the loss on each token of the {whose}**")
    tokens = [model.tokenizer.decode([i]) for i in ids[len(prompt) :]]
    st.html(token_strip(tokens, rise.by_token, meaning="loss rises by"))
    st.caption(WORDS["play_strip"])
    place = st.selectbox(
        "Token looked at",
        range(len(tokens)),
        index=rise.worst,
        format_func=lambda i: f"{i + 1}. {visible(tokens[i])} ({rise.by_token[i]:+.3f})",
        help=WORDS["play_place"],
    )
    show_next(model, before, after, len(prompt) + place - 1)


def show_next(model: Model, before: Pass, after: Pass, at: int) -> None:
    """The likeliest tokens after place `at`, as it is and with the heads ablated."""
    usual, uniform = chances(model, before, at), chances(model, after, at)
    best = likeliest(usual, uniform, N_LIKELY, least=LEAST_CHANCE)
    names = [model.tokenizer.decode([i]) for i in best]
    chart(
        next_token_bars(names, usual[best], uniform[best]),
        key="next",
        alt="Chances of the next token, as it is and with the heads uniform",
    )
    st.caption(WORDS["play_next"])


show_heading("Playground", "playground")
st.caption("What does one problem lose when some heads no longer choose where to look?")
model, found, run = choose_model()
left, right = st.columns([3, 4], gap="large")
with left:
    sample, n_new = choose_problem(run)
    heads = choose_heads(model, found)
    ablated = choose_ablation(model, run, heads)
with right:
    try:
        if len(prompt_ids(model, sample)) >= model.n_ctx:
            st.warning(f"The problem does not fit the model's context of {model.n_ctx} tokens.")
            st.stop()
        show_text(sample.prompt)
        if sample.has_completion:
            with st.expander("Given solution"):
                show_text(sample.completion)
        names = ", ".join(head_name(*head) for head in heads)
        title = SAID[ablated.kind].state.capitalize()
        st.markdown(f"**{title}:** {names or 'no head; choose some on the left'}")
        sets = beside_sets(model, found, ablated)
        if sample.has_completion:
            show_losses(model, sample, ablated, sets, n_new)
        show_answers(model, sample, ablated, n_new)
        if not sample.has_completion:
            show_losses(model, sample, ablated, sets, n_new)
    except UnrenderableError as err:
        st.warning(literal(f"This problem cannot be shown to the model: {err}"))
