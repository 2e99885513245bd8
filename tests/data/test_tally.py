"""What is said of rows that were read: columns, counts, what is ambiguous, which labels count."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data import (
    NAMED,
    Tally,
    label_number,
    label_text,
    read_samples,
    read_usable,
    reading_lines,
    to_samples,
)
from workbench.data.shapes import Shapes
from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions
from workbench.types import BadRow, Sample


def write(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def said_of(source: str, how: ReadOptions = RECOGNISED) -> dict:
    tally = Tally()
    list(read_samples([source], how, tally=tally))
    return json.loads(json.dumps(tally.summary()))


TURNS = [{"role": role, "content": role[0] * 3} for role in ("user", "assistant") * 2]
ROWS = [
    {"problem": "1 + 1?", "solution": "2", "level": 1},
    {"problem": "2 + 2?", "level": "Level ?"},
    {"messages": TURNS},
    {"text": "A text."},
    {"question": "3?", "answer": "3", "rationale": "It is three."},
    {"foo": 1},
]


def test_rows_are_counted_by_what_they_hold(tmp_path):
    said = said_of(write(tmp_path / "a.jsonl", ROWS))
    counts = {name: said[name] for name in list(said)[:6]}
    assert counts == {
        "rows": 6,
        "with_completion": 3,
        "without_completion": 1,
        "text": 1,
        "multi_turn": 1,
        "malformed": 1,
    }
    assert said["shapes"]["problem-solution"] == {
        "rows": 2,
        "columns": {"prompt": ["problem"], "completion": ["solution"]},
        "not_read": [],
    }
    assert said["ambiguous"] == {"rationale": 1}
    assert said["labels_not_used"] == {"level": 1}
    assert list(said["reasons"].values()) == [1]
    assert [row["prompt"] for row in said["rows_shown"]] == ["1 + 1?", "2 + 2?"]


def test_a_column_is_named_once_with_the_number_of_its_rows(tmp_path):
    row = {"question": "1?", "answer": "2", "rationale": "So."}
    said = said_of(write(tmp_path / "a.jsonl", [{**row, "question": f"{i}?"} for i in range(50)]))
    lines = [line for line in reading_lines(said) if "ambiguous" in line]
    assert len(lines) == 1
    assert lines[0].startswith("  ambiguous: 50 rows also hold 'rationale', which is not read")


@pytest.mark.parametrize("column", ["cot", "thought", "reference_solution", "reasoning_trace"])
def test_reasoning_under_another_name_is_not_passed_over_unsaid(column, tmp_path):
    rows = [{"question": "1 + 1?", "answer": "2", column: "because one and one make two"}]
    assert said_of(write(tmp_path / "a.jsonl", rows))["ambiguous"] == {column: 1}


def test_columns_of_which_one_is_read_are_not_said_to_be_joined(tmp_path):
    row = {"question": "?", "r1_solution_1": "a", "r1_solution_2": "b", "r1_solution_3": "c"}
    (line,) = reading_lines(said_of(write(tmp_path / "a.jsonl", [row])))[1:2]
    assert "completion = one of r1_solution_1, r1_solution_2, r1_solution_3" in line


def test_text_that_is_part_of_what_is_read_is_not_ambiguous(tmp_path):
    rows = [
        {"instruction": "Add.", "output": "2", "text": "Below is ...\nAdd.\n2"},
        {"messages": TURNS, "prompt": "uuu"},
        {"question": "1?", "answer": "2", "rationale": None, "solution": ""},
    ]
    assert said_of(write(tmp_path / "a.jsonl", rows))["ambiguous"] == {}


def test_long_rows_are_shown_by_their_ends(tmp_path):
    text = "begin " + "x " * 50_000 + "end"
    (shown,) = said_of(write(tmp_path / "a.jsonl", [{"text": text}]))["rows_shown"]
    assert len(shown["text"]) <= 170
    assert shown["text"].startswith("begin x")
    assert shown["text"].endswith("x end")


@pytest.mark.parametrize(
    ("how", "prompt", "completion"),
    [
        ({}, "q", "s"),
        ({"completion_column": "answer"}, "q", "a"),
        ({"prompt_column": "note"}, "n", "s"),
        ({"prompt_column": "note", "completion_column": "topic"}, "n", "t"),
        ({"system_column": "topic"}, "t\nq", "s"),
    ],
)
def test_columns_that_are_named_take_the_place_of_those_recognised(
    tmp_path, how, prompt, completion
):
    row = {"question": "q", "solution": "s", "answer": "a", "note": "n", "topic": "t"}
    source = write(tmp_path / "a.jsonl", [row])
    (sample,) = read_samples([source], ReadOptions(**how))
    assert isinstance(sample, Sample)
    assert (sample.prompt, sample.completion) == (prompt, completion)
    columns = said_of(source, ReadOptions(**how))["shapes"][sample.shape]["columns"]
    assert columns["prompt"] == [how.get("prompt_column", "question")]


def test_a_column_of_text_is_read_alone(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"body": "A text.", "question": "q", "answer": "a"}])
    (sample,) = read_samples([source], ReadOptions(text_column="body"))
    assert isinstance(sample, Sample)
    assert (sample.text, sample.messages) == ("A text.", ())


def test_unknown_columns_can_be_named(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"aufgabe": "1?", "antwort": "2"}])
    how = ReadOptions(prompt_column="aufgabe", completion_column="antwort")
    (sample,) = read_samples([source], how)
    assert isinstance(sample, Sample)
    assert (sample.prompt, sample.completion) == ("1?", "2")


def test_what_was_named_is_not_ambiguous(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"question": "1?", "solution": "2", "response": "3"}])

    def ambiguous(**columns):
        tally = Tally()
        list(read_samples([source], ReadOptions(**columns), tally=tally))
        return tally.summary()["ambiguous"]

    assert ambiguous() == {"solution": 1}
    assert ambiguous(prompt_column="question") == {"solution": 1}
    assert ambiguous(prompt_column="question", completion_column="solution") == {}
    assert ambiguous(text_column="response") == {}


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b'{"text": "\xff"}', "; convert the file to UTF-8"),
        (b"[1]", '; write each row as an object, {"text": ...}'),
        (b'{"a": 1}', "; name the columns (--prompt-column and --completion-column, or --text"),
    ],
)
def test_the_cure_is_that_of_the_fault(tmp_path, content, cure):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError) as told:
        read_usable([str(tmp_path / "a.jsonl")])
    assert cure in str(told.value)


LABELLED = [
    {"problem": f"{i}?", "solution": "s", "level": f"Level {i}", "n_steps": i, "difficulty": word}
    for i, word in enumerate(("easy", "medium", "Hard"))
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_labels_are_the_same_from_every_kind_of_file(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, LABELLED[0])
            writer.writeheader()
            writer.writerows(LABELLED)
    elif suffix == ".parquet":
        decimals = [{**row, "n_steps": Decimal(row["n_steps"])} for row in LABELLED]
        pq.write_table(pa.Table.from_pylist(decimals), path)
    else:
        write(path, LABELLED)
    rows = [sample.row for sample in read_samples([str(path)]) if isinstance(sample, Sample)]
    numbers = {name: [label_number(row[name]) for row in rows] for name in rows[0]}
    assert numbers["level"] == numbers["n_steps"] == [0.0, 1.0, 2.0]
    assert numbers["difficulty"] == [1.0, 2.0, 3.0]
    assert [label_text(row["n_steps"]) for row in rows] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        ("3.5", 3.5),
        (" grade-5 ", 5.0),
        ("very hard", 4.0),
        ("Level ?", None),
        ("3 of 4", None),
        (True, None),
        (float("nan"), None),
        ([3], None),
        (None, None),
    ],
)
def test_a_label_is_a_number_or_none(value, number):
    assert label_number(value) == number


def test_a_manifest_which_sorts_its_keys_is_told_as_the_reading_itself(tmp_path):
    rows = [{"instruction": "Add.", "output": "2", "system": "Be brief."}]
    said = said_of(write(tmp_path / "a.jsonl", rows))
    stored = json.loads(json.dumps(said, sort_keys=True))
    assert reading_lines(stored) == reading_lines(said)
    assert reading_lines(said)[1] == (
        "  alpaca (1 rows): system = system, prompt = instruction, completion = output"
    )


def test_memory_does_not_grow_with_rows_that_all_have_other_columns():
    tally, shapes = Tally(), Shapes()
    for i in range(5000):
        row = {"text": "t", f"c{i}": i}
        (sample,) = to_samples(row, i, "here", shapes)
        tally.add(sample, NAMED["text"])
        tally.add(BadRow(f"{i}", i, "here", f"line {i}: reason {i}"))
    assert len(tally.kinds) <= 1001
    assert len(tally.reasons) <= 1001
    assert tally.summary()["shapes"]["text"]["rows"] == tally.summary()["malformed"] == 5000


def test_a_named_column_of_text_is_not_the_column_text(tmp_path):
    source = write(tmp_path / "a.jsonl", [{"body": "A text.", "text": "Another."}])
    said = said_of(source, ReadOptions(text_column="body"))
    of_text = {"rows": 1, "columns": {"text": ["body"]}, "not_read": ["text"]}
    assert said["shapes"] == {"columns": of_text}
    assert said["ambiguous"] == {}
