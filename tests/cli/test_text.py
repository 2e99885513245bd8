"""What a person reads in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RUNS = Path(__file__).resolve().parents[2] / "data" / "demo_runs"


def test_a_selection_says_what_it_did_to_the_data(workbench, made):
    request = ("select", "--runs", made["runs"], "--scores", made["scores"])
    done = workbench(*request, "--policy", "soft", "--n", 6, "--adjust", "length", "--seed", 7)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "policy soft, temperature 1, free of length, seed 7: 6 of 24 rows (25.0%)"
    assert lines[1].startswith("tokens ")
    assert lines[2].startswith("effective sample size ")
    assert lines[2].endswith(" of 24")
    assert lines[3].startswith("among the top 6 ")
    assert lines[3].endswith("(a random draw 25.0%)")
    assert lines[4].split() == ["source", "before", "after"]
    assert lines[5].split() == ["sums.jsonl", "24", "(100.0%)", "6", "(100.0%)"]
    assert Path(lines[-1]).name == "selection.parquet"


def test_a_selection_by_groups_shows_their_mix(workbench, made):
    request = ("select", "--runs", made["runs"], "--scores", made["scores"], "--policy", "top")
    done = workbench(*request, "--n", 10, "--group-by", "length_bin")
    assert "policy top, by length_bin, seed 0: 10 of 24 rows" in done.out
    assert done.out.count("length bin ") == 10


def test_a_finished_run_says_that_it_answered(workbench, made):
    request = ("select", "--runs", made["runs"], "--scores", made["scores"], "--n", 4)
    assert "a finished run answered" not in workbench(*request).out
    assert "a finished run answered" in workbench(*request).out


def test_the_head_map_has_a_row_a_layer_and_the_circuit_in_brackets(workbench, made):
    shown = workbench("heads", "show", made["heads"], "--runs", made["runs"]).out
    rows = [line for line in shown.splitlines() if line.startswith("  layer ")]
    assert len(rows) == 3
    assert sum(row.count("[") for row in rows) == 1
    assert "12 heads on 4 samples" in shown


def test_the_terminal_names_heads_as_the_pages_do(workbench, made):
    where = ("--runs", made["runs"])
    content = json.loads(workbench("heads", "show", made["heads"], *where, "--json").out)
    (name,) = [f"L{h['layer']}H{h['head']}" for h in content["heads"] if h["selected"]]
    row = workbench("heads", "show", made["heads"], *where).out.splitlines()
    assert [line.split()[:2] for line in row if name in line] == [["1", name]]
    compared = workbench("heads", "compare", made["heads"], made["heads"], *where).out
    assert f"shared {name}" in compared
    assert compared.splitlines()[-1].split()[0] == name


def test_heads_that_a_screen_never_ran_have_no_digit(workbench, made, sums, checkpoint):
    request = ("heads", "find", "--model", checkpoint("llama"), "--device", "cpu", "--data", sums)
    done = workbench(*request, "--runs", made["runs"], "--n", 12, "--method", "screen")
    assert done.code == 0, done.err
    shown = done.out
    rows = [line for line in shown.splitlines() if line.startswith("  layer ")]
    assert "12 heads on up to 12 samples" in shown
    assert "~ = never run" in shown
    assert 0 < sum(row.count("~") for row in rows) < 12


def test_scores_show_their_correlations(workbench, made, sums, checkpoint):
    request = ("score", "--model", checkpoint("llama"), "--device", "cpu", "--data", sums)
    shown = workbench(*request, "--heads", made["heads"], "--runs", made["runs"]).out
    assert "circuitseer over the prompt: 24 ok" in shown
    table = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert table[:2] == ["paper", "paper_no_sink"]
    assert "excess_no_sink" in table
    head = next(line for line in shown.splitlines() if line.startswith("paper with"))
    assert head.split() == ["paper", "with", "raw", "length", "fixed", "length,", "loss", "fixed"]
    assert "share of digits" in shown
    length = next(line for line in shown.splitlines() if line.startswith("Spearman correlation"))
    assert "a high score also means a shorter text." in length


def test_an_export_says_where_it_is(workbench, made, tmp_path):
    request = ("export", "--runs", made["runs"], "--selection", made["selection"])
    done = workbench(*request, "--out", tmp_path / "out", "--format", "messages")
    assert done.out.strip() == f"5 rows in {tmp_path / 'out' / 'data.jsonl'}"


def test_no_runs_yet_is_no_error(workbench, tmp_path):
    done = workbench("runs", "list", "--runs", tmp_path / "runs")
    assert done.code == 0
    assert "Start with `workbench demo`" in done.out


@pytest.mark.parametrize("run", sorted(RUNS.iterdir()), ids=lambda run: run.name)
def test_runs_of_every_stage_are_found_by_name(run, workbench):
    shown = workbench("runs", "show", run.name, "--runs", RUNS)
    assert shown.code == 0, shown.err
    found = json.loads(workbench("runs", "path", run.name, "--runs", RUNS, "--json").out)
    assert found == {"run": str(run), "result": str(run / json.loads(shown.out)["result"])}
    assert workbench("runs", "path", found["result"]).out.strip() == str(run)
