"""A circuit of one's own on the Heads page: from the cut, by a rule, by hand; saved as a run.

chosen = choose_by_hand(cut)             # the heads in the box
offer_to_save(run, chosen)
"""

from __future__ import annotations

import streamlit as st

from apps.reading.runs import FoundRun, forget_runs
from apps.reading.workspace import own_root
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of
from workbench.errors import WorkbenchError
from workbench.figures import head_name
from workbench.stages import Place, run_chosen
from workbench.types import Head, HeadScores

HAND, CLICKS, HOW = "by_hand_heads", "by_hand_clicks", "by_hand_how"


def is_choosing() -> bool:
    """Whether a click on the map puts a head into the circuit rather than opening it."""
    return bool(st.session_state.get(CLICKS))


def toggle_head(name: str) -> None:
    names = list(st.session_state.get(HAND) or [])
    fill_box([n for n in names if n != name] if name in names else [*names, name])


def fill_box(names: list[str], how: str = "hand") -> None:
    st.session_state[HAND], st.session_state[HOW] = names, how


def chosen_by_hand() -> list[str]:
    return list(st.session_state.get(HAND) or []) if is_choosing() else []


def offer_to_make(run: FoundRun, cut: HeadScores) -> None:
    """The box of heads with its buttons, and the button that saves it as a circuit."""
    every = {head_name(h.layer, h.head): Head(h.layer, h.head) for h in cut.heads}
    with st.expander("Make a circuit of your own", icon=":material/edit:", expanded=is_choosing()):
        st.toggle("A click on the map adds a head, or takes it out", key=CLICKS)
        least = st.number_input(
            "Contribution above",
            value=0.01,
            step=0.01,
            format="%g",
            key="by_hand_least",
            help=WORDS["head_contribution"],
        )
        awake = [h for h in cut.heads if (h.contribution or 0) > least and not h.idle]
        with st.container(horizontal=True):
            names = [head_name(*head) for head in circuit_of(cut).heads]
            st.button("The cut", on_click=fill_box, args=(names, f"cut {len(names)}"))
            rule = [head_name(h.layer, h.head) for h in sorted(awake, key=lambda h: h.rank)]
            st.button(
                f"Above that and not idle ({len(rule)})",
                on_click=fill_box,
                args=(rule, f"contribution above {least:g}, not idle"),
                disabled=not rule,
            )
            st.button("Empty", on_click=fill_box, args=([], "hand"))
        chosen = st.multiselect(
            "Heads of the circuit",
            list(every),
            key=HAND,
            on_change=lambda: st.session_state.update({HOW: "hand"}),
        )
        if st.button("Save as a circuit", icon=":material/save:", disabled=not chosen):
            _save(run, [every[name] for name in chosen])


def _save(run: FoundRun, chosen: list[Head]) -> None:
    """Write the run; the page then shows it, with the ways to validate it and to score by it."""
    by = st.session_state.get(HOW) or "hand"
    try:
        outcome = run_chosen(Place(own_root()), run.result, chosen, by=by)
    except WorkbenchError as err:
        st.error(literal(f"Not saved: {err}"))
        return
    forget_runs()
    saved = next(r for r in workspace().finished("heads") if r.name == outcome.run.name)
    st.session_state["circuit-wanted"] = saved.title
    st.toast("Saved as a circuit.", icon=":material/check:")
    st.rerun()
