"""A circuit that someone has chosen, as a run: its origin, and what was measured stays."""

from __future__ import annotations

import pytest

from workbench.bundled import bundled_dir
from workbench.circuits import circuit_of, read_heads
from workbench.errors import InputError
from workbench.runs import read_manifest
from workbench.stages import Place, read_importance, run_chosen, seen_rows

ORIGIN = next((bundled_dir("data") / "demo_runs").glob("heads-exact-*"))
CHOSEN = [(3, 1), (0, 2)]


def test_the_chosen_heads_are_the_circuit_and_all_else_is_as_it_was(tmp_path):
    before = read_heads(ORIGIN / "heads.json")
    outcome = run_chosen(Place(tmp_path), ORIGIN / "heads.json", CHOSEN, by="hand")
    after = read_heads(outcome.result)
    assert set(circuit_of(after).heads) == set(CHOSEN)
    assert [(h.delta, h.rank) for h in after.heads] == [(h.delta, h.rank) for h in before.heads]
    assert (after.method, after.model) == (before.method, before.model)


def test_it_says_where_it_comes_from_and_how_it_was_chosen(tmp_path):
    outcome = run_chosen(Place(tmp_path), ORIGIN / "heads.json", CHOSEN, by="hand")
    manifest = read_manifest(outcome.run)
    assert manifest["stage"] == "heads-chosen"
    assert manifest["parents"] == [ORIGIN.name, *read_manifest(ORIGIN)["parents"]]
    assert manifest["config"] == {"heads": ["L0H2", "L3H1"], "by": "hand"}
    assert manifest["model"]["id"] == "math-tiny"
    probe = read_heads(outcome.result).probe
    assert (probe["chosen_from"], probe["by"]) == (ORIGIN.name, "hand")


def test_a_validation_still_knows_the_rows_that_the_heads_were_found_on(tmp_path):
    outcome = run_chosen(Place(tmp_path), ORIGIN / "heads.json", CHOSEN, by="hand")
    assert seen_rows(outcome.run) == seen_rows(ORIGIN)
    found, own = read_importance(outcome.run)[0], read_importance(ORIGIN)[0]
    assert found is not None
    assert own is not None
    assert (found.deltas == own.deltas).all()
    assert (outcome.run / "model.json").is_file()


def test_the_same_heads_in_another_order_are_the_same_run(tmp_path):
    runs = [
        run_chosen(Place(tmp_path), ORIGIN / "heads.json", heads, by="hand")
        for heads in (CHOSEN, [*reversed(CHOSEN), CHOSEN[0]])
    ]
    assert runs[0].run == runs[1].run
    assert runs[1].reused


@pytest.mark.parametrize(("heads", "words"), [([], "no heads"), ([(4, 0)], "no head L4H0")])
def test_a_circuit_of_no_head_or_of_one_that_is_not_there_is_refused(tmp_path, heads, words):
    with pytest.raises(InputError, match=words):
        run_chosen(Place(tmp_path), ORIGIN / "heads.json", heads, by="hand")
    assert not list(tmp_path.iterdir())
