"""`workbench data show`, and what every command says of the rows that it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.runs import sealed

ROWS = [
    {"frage": f"What is {i} + {i}?", "antwort": f"it is {2 * i}", "rationale": f"double {i}"}
    for i in range(6)
]
NAMED = ("--prompt-column", "frage", "--completion-column", "antwort")


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "foreign.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_what_is_read_is_shown_before_anything_runs(workbench, foreign):
    done = workbench("data", "show", foreign, *NAMED)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:3] == [
        "read 6 rows: 6 with a completion",
        "  columns (6 rows): prompt = frage, completion = antwort",
        "    not read: rationale",
    ]
    assert "What is 0 + 0?" in done.out
    assert "What is 2 + 2?" not in done.out
    (line,) = workbench("data", "show", foreign, *NAMED, "--json").out.splitlines()
    said = json.loads(line)
    assert said["data"] == [str(foreign)]
    assert said["read"]["shapes"]["columns"]["not_read"] == ["rationale"]


def test_rows_of_unknown_columns_are_refused_with_what_to_do(workbench, foreign):
    done = workbench("data", "show", foreign)
    assert done.code == 2
    assert "none of the 6 rows" in done.err
    assert "unknown columns 'frage', 'antwort', 'rationale'" in done.err
    assert (
        "name the columns (--prompt-column and --completion-column, or --text-column)" in done.err
    )


def test_a_run_says_what_it_reads_before_it_works_and_keeps_it(
    workbench, checkpoint, foreign, tmp_path
):
    asked = ("score", "--method", "length", "--model", checkpoint("llama"), "--device", "cpu")
    asked = (*asked, "--data", foreign, *NAMED, "--runs", tmp_path / "runs")
    for _ in range(2):
        done = workbench(*asked)
        assert done.code == 0, done.err
        assert (
            done.err.splitlines()[1] == "  columns (6 rows): prompt = frage, completion = antwort"
        )
    answer = json.loads(workbench(*asked, "--json").out)
    assert answer["reused"] is True
    assert answer["read"]["with_completion"] == 6
    config = json.loads((tmp_path / "runs" / answer["run"] / "manifest.json").read_text())["config"]
    assert (config["prompt_column"], config["completion_column"]) == ("frage", "antwort")
    assert json.loads(workbench(*asked, "--explain").out)["read"] == answer["read"]


def test_what_was_scored_by_named_columns_is_selected_and_exported_by_them(
    workbench, checkpoint, foreign, tmp_path
):
    runs = ("--runs", tmp_path / "runs", "--json")
    asked = ("score", "--method", "length", "--model", checkpoint("llama"), "--device", "cpu")
    scores = json.loads(workbench(*asked, "--data", foreign, *NAMED, *runs).out)
    chosen = json.loads(
        workbench("select", "--scores", scores["run"], "--policy", "top", "--n", 2, *runs).out
    )
    out = ("--out", tmp_path / "subset", "--format", "prompt-completion")
    done = workbench("export", "--selection", chosen["run"], *out, *runs)
    assert done.code == 0, done.err
    rows = (tmp_path / "subset" / "data.jsonl").read_text().splitlines()
    assert {json.loads(row)["completion"] for row in rows} <= {row["antwort"] for row in ROWS}


def test_lines_of_text_are_another_question_than_the_whole_file(workbench, checkpoint, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("A first line.\nA second one.\n\nAnd the last line.\n")
    asked = ("score", "--method", "length", "--model", checkpoint("llama"), "--device", "cpu")
    asked = (*asked, "--data", path, "--runs", tmp_path / "runs", "--json")
    whole, lines = (json.loads(workbench(*asked, *how).out) for how in ((), ("--text-lines",)))
    assert (whole["read"]["text"], lines["read"]["text"]) == (1, 3)
    assert whole["run"] != lines["run"]
    configs = [json.loads((Path(r["run"]) / "manifest.json").read_text()) for r in (whole, lines)]
    whole_asked, lines_asked = (manifest["config"] for manifest in configs)
    assert "text_lines" not in whole_asked
    assert lines_asked == whole_asked | {"text_lines": True}


def test_a_run_that_read_functions_in_another_way_does_not_answer(workbench, checkpoint, tmp_path):
    turns = [{"role": "user", "content": "u?"}, {"role": "assistant", "content": "a"}]
    (tmp_path / "calls.jsonl").write_text(json.dumps({"messages": turns, "tools": [{"name": "f"}]}))
    asked = ("score", "--method", "length", "--model", checkpoint("llama"), "--device", "cpu")
    asked = (*asked, "--data", tmp_path / "calls.jsonl", "--runs", tmp_path / "runs", "--json")
    path = Path(json.loads(workbench(*asked).out)["run"]) / "manifest.json"
    assert json.loads(workbench(*asked).out)["reused"] is True
    manifest = json.loads(path.read_text())
    del manifest["details"]["read"]["tools_reader"]
    path.write_text(json.dumps(sealed(manifest)))
    done = workbench(*asked)
    assert done.code == 2
    assert "read functions (the column tools) in another way" in done.err
    assert done.err.rstrip().endswith("or pass another --runs, and run the command again.")


def test_what_was_scored_by_lines_is_selected_and_exported_by_them(workbench, checkpoint, tmp_path):
    path, runs = tmp_path / "notes.txt", ("--runs", tmp_path / "runs", "--json")
    path.write_text("A first line.\nA second one.\nAnd the last line.\n")
    asked = ("score", "--method", "length", "--model", checkpoint("llama"), "--device", "cpu")
    scores = json.loads(workbench(*asked, "--data", path, "--text-lines", *runs).out)
    chosen = ("select", "--scores", scores["run"], "--policy", "top", "--n", 2, *runs)
    selection = json.loads(workbench(*chosen).out)["run"]
    done = workbench("export", "--selection", selection, "--out", tmp_path / "subset", *runs)
    assert done.code == 0, done.err
    rows = map(json.loads, (tmp_path / "subset" / "data.jsonl").read_text().splitlines())
    assert [row["text"] for row in rows] == ["A first line.", "And the last line."]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--text-column", "a", "--prompt-column", "b"), "another part of the row is named too"),
        (("--generation", "best"), "expected one of first, all, correct"),
        (("--shape", "chatml"), "row shape is 'chatml', expected one of messages"),
    ],
)
def test_columns_that_cannot_be_meant_together_are_refused(workbench, foreign, given, words):
    done = workbench("data", "show", foreign, *given)
    assert done.code == 2
    assert words in done.err
