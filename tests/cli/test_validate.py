"""`heads find --rank contrast` and `heads validate` as a person and a script call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.planted_pair import pair_rows, write_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model, its problems and other text, and options that every command shares."""
    home = tmp_path_factory.mktemp("cli-pair")
    rows = {
        "pairs": pair_rows(20),
        "text": [{"id": f"t{i}", "text": row["problem"]} for i, row in enumerate(pair_rows(6))],
    }
    for name, content in rows.items():
        lines = "".join(json.dumps(row) + "\n" for row in content)
        (home / f"{name}.jsonl").write_text(lines)
    model = ("--model", write_pair(home / "model"), "--device", "cpu")
    return {
        "home": home,
        "model": (*model, "--runs", home / "runs"),
        "data": ("--data", home / "pairs.jsonl"),
        "control": ("--control", home / "text.jsonl", "--control-n", 4),
    }


def test_contrast_and_validation_from_the_command_line(workbench, pair):
    request = ("heads", "find", *pair["model"], *pair["data"], *pair["control"], "--n", 8)
    done = workbench(*request, "--rank", "contrast", "--min-heads", 2)
    assert done.code == 0, done.err
    assert "control: 4 samples of " in done.out
    assert "heads ranked by contrast" in done.out
    assert done.out.count("map (9 = largest ") == 3
    heads = done.out.strip().splitlines()[-1]

    validate = ("heads", "validate", *pair["model"], *pair["data"], *pair["control"])
    validate += ("--heads", heads, "--n", 6, "--random", 3, "--decode-n", 4, "--curve-n", 2)
    plan = json.loads(workbench(*validate, "--explain").out)
    assert plan["samples"] == 6
    assert plan["decoded_tokens"] == 8 * 4 * 2
    done = workbench(*validate)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    header = next(line for line in lines if line.startswith("made uniform"))
    assert header.split() == ["made", "uniform", "loss", "right", "answers", "exact", "solutions"]
    assert [line for line in lines if line.startswith("all but the circuit")]
    assert any(line.startswith("answers lost: ") and "p = " in line for line in lines)
    assert Path(lines[-2]).name == "validation.html"
    assert Path(lines[-2]).is_file()

    done = workbench(*validate, "--no-decode", "--no-control", "--json")
    report = json.loads(done.out)["validation"]
    assert report["base"]["accuracy"] is None
    assert report["controls"] == []
    assert report["judged_by"] == "loss"


def test_control_data_has_columns_of_its_own(workbench, pair):
    body = pair["home"] / "body.jsonl"
    rows = [*({"body": row["problem"]} for row in pair_rows(6)), {"body": ""}]
    body.write_text("".join(json.dumps(row) + "\n" for row in rows))
    find = ("heads", "find", *pair["model"], *pair["data"], "--n", 8, "--control", body)
    done = workbench(*find)
    assert done.code == 2
    assert "(first: line 1: unknown columns 'body', name them (--control-prompt-column" in done.err
    assert done.err.rstrip().endswith(
        "; name the columns (--control-prompt-column and --control-completion-column, or "
        "--control-text-column)."
    )
    half = workbench(*find, "--control-prompt-column", "body")
    assert half.code == 2
    assert "none of the 6 control rows can be used (6: no tokens of a solution)" in half.err
    assert "layer" not in done.err

    named, counts = ("--control-text-column", "body"), "read 7 rows of the control: 6 of plain text"
    for _ in range(2):
        assert f"{counts}, 1 malformed" in workbench(*find, *named).err.splitlines()
    answer = json.loads(workbench(*find, *named, "--json").out)
    manifest = json.loads((Path(answer["run"]) / "manifest.json").read_text())
    assert manifest["config"]["control_text_column"] == "body"
    assert manifest["details"]["read_control"] == answer["read_control"]
    assert answer["read_control"]["text"] == 6
    plan = json.loads(workbench(*find, *named, "--explain").out)
    assert plan["read_control"] == answer["read_control"]

    validate = ("heads", "validate", *pair["model"], *pair["data"], "--control", body, *named)
    validate += ("--heads", answer["run"], "--n", 6, "--random", 3, "--no-decode", "--curve-n", 0)
    done = workbench(*validate)
    assert f"{counts}, 1 malformed" in done.err.splitlines()
    run = Path(done.out.splitlines()[-1]).parent
    config = json.loads((run / "manifest.json").read_text())["config"]
    assert config["control_text_column"] == "body"
    assert json.loads(workbench(*validate, "--explain").out)["read_control"]["malformed"] == 1


def test_what_the_control_is_asked_for_without_columns_names_its_run_as_before(workbench, pair):
    find = ("heads", "find", *pair["model"], *pair["data"], *pair["control"], "--n", 8, "--json")
    run = Path(json.loads(workbench(*find).out)["run"])
    config = json.loads((run / "manifest.json").read_text())["config"]
    assert not [name for name in config if name.startswith("control_") and name != "control_n"]


@pytest.mark.parametrize(
    "asked",
    [
        ("find", "--method", "retrieval"),
        ("find", "--data", "generated"),
        ("validate", "--data", "generated", "--heads", "HEADS", "--no-control"),
    ],
)
def test_columns_of_a_control_that_is_not_there_are_refused(workbench, pair, made, asked):
    asked = [made["heads"] if word == "HEADS" else word for word in asked]
    runs = ("--runs", made["runs"], "--control-text-column", "body")
    done = workbench("heads", *asked, *pair["model"], *runs)
    assert done.code == 2
    assert "control_text_column is given and no control data" in done.err


def test_retrieval_heads_have_no_contrast(workbench, pair):
    request = ("heads", "find", *pair["model"], "--method", "retrieval", "--rank", "contrast")
    done = workbench(*request)
    assert done.code == 2
    assert "retrieval scores are no loss increases" in done.err
