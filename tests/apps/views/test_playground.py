"""Playground: what one problem loses under sets of heads, and what the model answers."""

from __future__ import annotations

import json
from itertools import pairwise

from apps.passes import ablated
from apps.passes import model as passes
from tests.apps.conftest import (
    button,
    heads_by_rank,
    markdown_of,
    name,
    open_page,
    strips,
    words,
)
from workbench.ablation import decode_sets


def test_the_playground_shows_what_a_head_changes(finished):
    at = open_page("playground")
    names = ["Loss as it is", "The circuit", "Random heads of these layers"]
    assert [metric.label for metric in at.metric] == names
    assert len(strips(at)) == 3
    at.multiselect(key="off").set_value(["L0H0", "L1H2"]).run()
    assert "(L0H0, L1H2)" in words(at)
    assert [metric.label for metric in at.metric] == [names[0], "Chosen heads", *names[1:]]
    assert "Chosen heads +0.000" not in words(at)
    assert len(strips(at)) == 4, "a strip of every set, and of the unchanged model"
    (place,) = [box for box in at.selectbox if box.label == "Token looked at"]
    rises = [float(option.rpartition("(")[2].rstrip(")")) for option in place.options]
    assert rises[place.value] == max(rises) > 0, "it starts at the token that suffers most"


def test_the_playground_holds_the_circuit_against_itself_without_idle_heads(copied):
    path = next(copied.glob("heads-exact-*/heads.json"))
    content = json.loads(path.read_text())
    first, second = sorted(content["heads"], key=lambda h: h["rank"])[:2]
    first["idle"] = True
    path.write_text(json.dumps(content))
    at = open_page("playground")
    assert [m.label for m in at.metric][2] == "The circuit without idle heads"
    assert f"({name(second)})" in words(at)


def test_the_playground_takes_the_circuit_a_draw_and_a_typed_problem(finished):
    circuit = {name(h) for h in heads_by_rank(finished) if h["selected"]}
    at = open_page("playground")
    button(at, "The circuit").click().run()
    assert set(at.multiselect(key="off").value) == circuit
    button(at, "A random draw").click().run()
    drawn = set(at.multiselect(key="off").value)
    assert len(drawn) == len(circuit)
    assert drawn != circuit
    at.selectbox(key="from").select("type one").run()
    at.text_area(key="typed").set_value("Tom has <b>3</b> pens.").run()
    assert "\\<b\\>3\\<\\/b\\>" in markdown_of(at)
    assert "let the model write one" in words(at)
    button(at, "Let the model answer").click().run()
    assert "model's own answer" in words(at)
    assert not at.exception


def test_the_playground_decodes_on_request_only_and_marks_the_answer(finished, monkeypatch):
    decoded = []
    real = ablated.decode_sets
    monkeypatch.setattr(ablated, "decode_sets", lambda *a, **k: decoded.append(1) or real(*a, **k))
    at = open_page("playground")
    at.multiselect(key="off").set_value(["L0H0"]).run()
    assert "Loss as it is" in words(at)
    assert not decoded
    at.slider(key="n_new").set_value(16).run()
    button(at, "Let the model answer").click().run()
    assert decoded
    assert "As it is" in words(at)
    assert len([m for m in at.markdown if "-badge[" in m.value]) == 4, "each is right or wrong"
    button(at, "Stop").click().run()
    assert [b.label for b in at.button if b.label == "Let the model answer"]


def test_an_answer_in_pieces_is_the_answer_at_once(finished):
    model = passes.loaded_model(str(finished.parent / "tiny"))
    ids = ablated.prompt_ids(model, ablated.problem("1+1?"))
    pieces = [*ablated.answer_pieces(model, ids, ablated.INTACT, n_new=30)]
    assert all(whole[: len(part)] == part for part, whole in pairwise(pieces))
    ((whole,),) = decode_sets(passes.engine_of(model), [ids], [()], max_new_tokens=30)
    assert pieces[-1] == tuple(whole)
