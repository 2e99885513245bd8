"""Runs that version 0.1 wrote are read as they are: no seal, no sums, no contributions."""

from __future__ import annotations

from pathlib import Path

from workbench.circuits import read_heads, read_validation
from workbench.runs import list_runs, read_manifest
from workbench.types import Head

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs_of_0_1"
CIRCUIT = [Head(2, 2), Head(1, 1), Head(0, 2)]


def only(pattern: str) -> Path:
    (found,) = RUNS.glob(pattern)
    return found


def test_all_of_them_are_listed_as_finished():
    assert len(list_runs(RUNS)) == len(list(RUNS.iterdir())) == 5
    for folder in RUNS.iterdir():
        manifest = read_manifest(folder)
        assert manifest["status"] == "finished"
        assert "seal" not in manifest


def test_their_circuit_has_heads_of_which_nothing_more_is_known():
    heads = read_heads(only("heads-*") / "heads.json")
    chosen = sorted((h for h in heads.heads if h.selected), key=lambda h: h.rank)
    assert [Head(h.layer, h.head) for h in chosen] == CIRCUIT
    assert {h.contribution for h in heads.heads} == {None}


def test_their_validation_is_of_uniform_heads():
    report = read_validation(only("validate-*") / "validation.json")
    assert [Head(*head) for head in report["heads"]] == CIRCUIT
    assert report.get("ablation", "uniform") == "uniform"


def test_the_command_line_shows_them(workbench):
    shown = workbench("runs", "show", only("validate-*").name, "--runs", RUNS)
    assert (shown.code, "math-tiny" in shown.out) == (0, True), shown.err
    heads = workbench("heads", "show", only("heads-*"))
    assert (heads.code, "math-tiny" in heads.out) == (0, True), heads.err
