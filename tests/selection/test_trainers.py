"""Trainer files: each parses, points at the data, and names columns that are in it."""

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from workbench.data import FORMATS, to_format, to_sample
from workbench.models.thinking import _DROPPED
from workbench.selection.layout import row_layout, shape_of_export
from workbench.selection.spoken import learned
from workbench.selection.trainers import is_misread, slug, trainer_files

ROWS = {
    "prompt-completion": {"prompt": "1 + 1?", "completion": "2"},
    "question-answer": {"question": "1 + 1?", "answer": "2"},
    "problem-solution": {"problem": "1 + 1?", "solution": "2"},
    "alpaca": {"instruction": "Add", "input": "1 + 1", "output": "2"},
    "messages": {
        "messages": [
            {"role": "user", "content": "1 + 1?"},
            {"role": "assistant", "content": "2"},
        ]
    },
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "1 + 1?"},
            {"from": "gpt", "value": "2"},
        ]
    },
    "text": {"text": "1 + 1 = 2"},
}
CASES = [
    (shape, fmt)
    for shape in ROWS
    for fmt in FORMATS
    if shape != "text" or fmt in ("jsonl", "parquet")
]
DATA_FILE = "data.jsonl"
MODEL = Path(__file__).resolve().parents[2] / "data/models/math-tiny"


def row_and_files(shape, fmt):
    sample = to_sample(ROWS[shape], 0, "x")
    row = to_format(sample, fmt)
    layout = row_layout(row, shape_of_export(sample, fmt))
    return row, trainer_files(layout, data_file=DATA_FILE, name="my sums!")


def columns_named(entry):
    return set(entry["columns"].values())


@pytest.mark.parametrize(("shape", "fmt"), CASES)
def test_llama_factory_names_columns_that_exist(shape, fmt):
    row, files = row_and_files(shape, fmt)
    ((name, entry),) = json.loads(files["dataset_info.json"]).items()
    assert name == "my-sums"
    assert entry["file_name"] == "../data.jsonl"
    assert columns_named(entry) <= set(row)
    if entry["formatting"] == "sharegpt":
        tags = entry["tags"]
        turns = row[entry["columns"]["messages"]]
        said = [(turn[tags["role_tag"]], turn[tags["content_tag"]]) for turn in turns]
        assert said[-1] == (tags["assistant_tag"], "2")
        assert said[0][0] == tags["user_tag"]
    elif shape != "text":
        assert row[entry["columns"]["response"]] == "2"


@pytest.mark.parametrize(("shape", "fmt"), CASES)
def test_the_axolotl_block_names_columns_that_exist(shape, fmt):
    row, files = row_and_files(shape, fmt)
    (entry,) = yaml.safe_load(files["axolotl.yaml"])["datasets"]
    assert entry["path"] == "../data.jsonl"
    assert entry["ds_type"] == "json"
    if entry["type"] == "chat_template":
        fields = entry["message_property_mappings"]
        last = row[entry["field_messages"]][-1]
        assert last[fields["role"]] in entry["roles"]["assistant"]
        assert last[fields["content"]] == "2"
    elif entry["type"] == "completion":
        assert row[entry["field"]] == "1 + 1 = 2"
    else:
        assert row[entry["type"]["field_output"]] == "2"
        assert entry["type"]["field_instruction"] in row
        assert entry["type"].get("field_input", "input") in {*row, "input"}
        assert entry["type"]["format"] == "{instruction}\n{input}\n"


def training_row(files, tmp_path):
    ast.parse(files["sft.py"])
    script = tmp_path / "trainers" / "sft.py"
    script.parent.mkdir()
    script.write_text(files["sft.py"])
    return runpy.run_path(str(script))["training_row"]


@pytest.mark.parametrize(("shape", "fmt"), CASES)
def test_the_trl_script_turns_a_row_into_what_was_meant(tmp_path, shape, fmt):
    row, files = row_and_files(shape, fmt)
    make = training_row(files, tmp_path)
    prompt = "Add\n1 + 1" if shape == "alpaca" else "1 + 1?"
    if shape == "text":
        assert make(row, chat=True) == make(row, chat=False) == {"text": "1 + 1 = 2"}
        return
    assert make(row, chat=False) == {"prompt": f"{prompt}\n", "completion": "2"}
    chat = make(row, chat=True)
    assert chat["prompt"] == [{"role": "user", "content": prompt}]
    assert chat["completion"] == [{"role": "assistant", "content": "2"}]


def test_the_trl_script_loads_the_folder_it_lies_in(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="needs the extra 'train'")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    row, files = row_and_files("question-answer", "prompt-completion")
    (tmp_path / DATA_FILE).write_text(json.dumps(row) + "\n")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: data.jsonl\n---\n"
    )
    script = tmp_path / "trainers" / "sft.py"
    script.parent.mkdir()
    script.write_text(files["sft.py"])
    rows = runpy.run_path(str(script))["training_rows"](SimpleNamespace(chat_template=None))
    assert rows.to_list() == [{"prompt": "1 + 1?\n", "completion": "2"}]


def test_turns_in_the_other_spelling_are_recognised():
    turns = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]
    layout = row_layout({"conversations": turns}, "sharegpt")
    assert (layout.column, layout.role, layout.user) == ("conversations", "role", "user")


def test_parquet_is_told_to_axolotl():
    layout = row_layout(ROWS["text"], "text")
    files = trainer_files(layout, data_file="data.parquet", name="x")
    (entry,) = yaml.safe_load(files["axolotl.yaml"])["datasets"]
    assert (entry["path"], entry["ds_type"]) == ("../data.parquet", "parquet")


@pytest.mark.parametrize(("name", "short"), [("a b/c", "a-b-c"), ("..", "selection"), ("x", "x")])
def test_a_dataset_name_has_no_path_in_it(name, short):
    assert slug(name) == short


def turns_of(*said):
    return [{"from": speaker, "value": text} for speaker, text in said]


def files_for(row, shape):
    return trainer_files(row_layout(row, shape), data_file=DATA_FILE, name="x")


def test_speakers_are_called_as_the_rows_call_them():
    row = {"conversations": turns_of(("human", "1 + 1?"), ("assistant", "2"))}
    files = files_for(row, "sharegpt")
    (entry,) = json.loads(files["dataset_info.json"]).values()
    assert (entry["tags"]["user_tag"], entry["tags"]["assistant_tag"]) == ("human", "assistant")
    (block,) = yaml.safe_load(files["axolotl.yaml"])["datasets"]
    assert block["roles"]["assistant"] == ["assistant"]


@pytest.mark.parametrize("chat", [True, False])
def test_a_question_that_nobody_answered_is_not_learned(tmp_path, chat):
    row = {"conversations": turns_of(("human", "1 + 1?"), ("gpt", "2"), ("human", "3 + 4?"))}
    made = training_row(files_for(row, "sharegpt"), tmp_path)(row, chat=chat)
    answer = made["completion"][0]["content"] if chat else made["completion"]
    assert answer == "2"


CONVERSATION = {
    "system": "Be brief.",
    "history": [["1 + 1?", "2"]],
    "instruction": "Double it.",
    "input": "It was 2.",
    "output": "4",
}
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "Double it.\nIt was 2."},
    {"role": "assistant", "content": "4"},
]


@pytest.mark.parametrize("shape", ["alpaca", "messages", "sharegpt", "prompt-completion"])
@pytest.mark.parametrize("turns", ["last", "all"])
def test_system_prompt_and_earlier_turns_reach_the_trl_script_from_every_format(
    tmp_path, shape, turns
):
    sample = to_sample(CONVERSATION, 0, "x")
    row = to_format(sample, shape)
    files = trainer_files(row_layout(row, shape), data_file=DATA_FILE, name="x", turns=turns)
    make = training_row(files, tmp_path)
    expected = {"prompt": TURNS[:-1], "completion": TURNS[-1:]}
    assert make(row, chat=True) == ({"messages": TURNS} if turns == "all" else expected)
    assert make(row, chat=False) == {"prompt": f"{sample.prompt}\n", "completion": "4"}
    assert ('assistant_only_loss=own is not None and TURNS == "all"' in files["sft.py"]) is True
    assert f'TURNS = "{turns}"' in files["sft.py"]


def test_a_system_column_beside_turns_is_told_to_all_three(tmp_path):
    row = {"system": "Be brief.", "conversations": turns_of(("human", "1 + 1?"), ("gpt", "2"))}
    files = files_for(row, "sharegpt")
    (entry,) = json.loads(files["dataset_info.json"]).values()
    assert entry["columns"]["system"] == "system"
    # axolotl looks for it there, and only there.
    layout = row_layout(row, "sharegpt")
    assert not is_misread(layout, is_chat=True, several=False)
    other = row_layout({**row, "system": None, "system_prompt": "Be brief."}, "sharegpt")
    assert is_misread(other, is_chat=True, several=False)
    made = training_row(files, tmp_path)(row, chat=True)
    assert made["prompt"][0] == {"role": "system", "content": "Be brief."}


def test_what_is_learned_is_the_same_in_all_three():
    for turns, masked in (("last", True), ("all", False)):
        layout = row_layout(ROWS["messages"], "messages")
        files = trainer_files(
            layout, data_file=DATA_FILE, name="x", turns=turns, messages=turns == "last"
        )
        settings = yaml.safe_load(files["llamafactory.yaml"])
        assert (settings["mask_history"], settings["dataset"]) == (masked, "x")
        (block,) = yaml.safe_load(files["axolotl.yaml"])["datasets"]
        assert (block.get("message_field_training") == "train") == masked
        said = learned(to_sample({"messages": TURNS}, 0, "x"), turns)["messages"]
        assert [turn.get("train") for turn in said] == (
            [None, None, False, None, True] if turns == "last" else [None] * 5
        )


def test_the_script_takes_out_what_rendering_takes_out(tmp_path):
    script = tmp_path / "sft.py"
    script.write_text(files_for(ROWS["messages"], "messages")["sft.py"])
    assert runpy.run_path(str(script))["DROPPED"] == _DROPPED.pattern


def test_the_script_has_half_precision_only_on_a_card_and_cuts_nothing():
    script = files_for(ROWS["messages"], "messages")["sft.py"]
    assert "bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported()" in script
    assert "max_length=options.max_length" in script


@pytest.mark.slow
def test_the_trl_script_trains_and_saves_on_a_processor(tmp_path):
    pytest.importorskip("trl", reason="needs the extra 'train'")
    lines = [json.dumps({"prompt": f"{i} + 1 = ", "completion": "2 " * 1300}) for i in range(2)]
    (tmp_path / DATA_FILE).write_text("\n".join(lines) + "\n")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: data.jsonl\n---\n"
    )
    script = tmp_path / "trainers" / "sft.py"
    script.parent.mkdir()
    script.write_text(files_for(ROWS["prompt-completion"], "prompt-completion")["sft.py"])
    options = ["--max-steps", "1", "--learning-rate", "1e-4", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, str(script), "--model", str(MODEL), *options],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_DATASETS_CACHE": str(tmp_path / "cache"), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    said = re.search(r"2 rows, the longest of (\d+) tokens", done.stdout)
    # Longer than what TRL cuts at by itself.
    assert said
    assert int(said[1]) > 1024
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert (tmp_path / "out" / "tokenizer.json").is_file()
