"""Playground: what does one problem lose when some heads stop looking where they look?"""

from __future__ import annotations

import streamlit as st

from apps.passes.ablated import INTACT, Ablated, greedy, prompt_ids
from apps.passes.model import loaded, local_model
from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.workspace import ready_first
from apps.views.playground.answers import is_asked, show_answers
from apps.views.playground.choices import (
    Sets,
    choose_ablation,
    choose_heads,
    choose_problem,
    compared_sets,
)
from apps.views.playground.losses import show_losses
from apps.widgets.addressed import choose_addressed
from apps.widgets.runs import workspace
from apps.widgets.sample_card import show_text
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench import models
from workbench.catalog import here
from workbench.circuits import read_heads
from workbench.models import Model, UnrenderableError
from workbench.types import HeadScores, Sample

OTHER = "another model"


def choose_model() -> tuple[Model, HeadScores | None, FoundRun | None]:
    """That of a circuit with the circuit, a bundled model, or any other that may be loaded."""
    circuits = {run.title: run for run in ready_first(workspace().finished("heads"))}
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


def show_solution(model: Model, sample: Sample, ablated: Ablated, sets: Sets, n_new: int) -> None:
    """The losses on the given solution, or on the answer that the model has been asked for."""
    prompt = prompt_ids(model, sample)
    if sample.has_completion:
        ids, whose = models.render(sample, model.tokenizer).ids[: model.n_ctx], "given solution"
    elif is_asked(sample, ablated, n_new):
        ids = (prompt + greedy(model, prompt, INTACT, n_new=n_new))[: model.n_ctx]
        whose = "model's own answer"
    else:
        st.caption("Without a solution there is no loss yet: let the model write one.")
        return
    show_losses(model, ids, first=len(prompt), whose=whose, sets=sets)


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
        sets = compared_sets(model, found, ablated)
        if not sets:
            st.caption("No head is taken away yet: choose some on the left.")
        if sample.has_completion:
            show_solution(model, sample, ablated, sets, n_new)
        show_answers(model, sample, ablated, sets, n_new=n_new)
        if not sample.has_completion:
            show_solution(model, sample, ablated, sets, n_new)
    except UnrenderableError as err:
        st.warning(literal(f"This problem cannot be shown to the model: {err}"))
