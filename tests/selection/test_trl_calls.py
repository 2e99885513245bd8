"""Rows that call functions: TRL is given the tokens that were scored, and learns the answers."""

import json
import runpy
from pathlib import Path

import pytest

from tests.support.checkpoints import byte_tokenizer
from workbench.data import to_sample
from workbench.models import render
from workbench.models.inputs import _stopped_clock
from workbench.models.thinking import kept_reasoning
from workbench.selection.layout import one_layout, sample_layout
from workbench.selection.spoken import learned
from workbench.selection.trainers import trainer_files

ADD = {
    "name": "add",
    "description": "adds",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
}
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
CALLING = {
    "messages": [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "2", "tool_call_id": "x"},
        {"role": "assistant", "content": "It is 2."},
    ],
    "tools": [{"type": "function", "function": ADD}],
}


@pytest.fixture
def calling(tmp_path):
    """The TRL script of rows that call functions, and what it makes of two of them."""

    def make(turns, tokenizer):
        other = {"function": {"name": "say", "arguments": {"of": None}}, "id": "y"}
        first, called, *rest = CALLING["messages"]
        rows = [CALLING, {"messages": [first, {**called, "tool_calls": [other]}, *rest]}]
        samples = [to_sample(row, i, "x") for i, row in enumerate(rows)]
        layouts = {sample_layout(s, s.row, "jsonl") for s in samples}
        files = trainer_files(
            one_layout(layouts), data_file="data.jsonl", name="x", turns=turns, messages=True
        )
        assert sorted(files) == ["axolotl.yaml", "sft.py"]
        (tmp_path / "trainers").mkdir()
        said = [json.dumps(learned(sample, turns)) + "\n" for sample in samples]
        (tmp_path / "trainers/messages.jsonl").write_text("".join(said))
        script = tmp_path / "trainers/sft.py"
        script.write_text(files["sft.py"])
        return samples, runpy.run_path(str(script))["training_rows"](tokenizer)

    return make


@pytest.mark.parametrize(
    ("turns", "answers"),
    [
        ("last", ["It is 2.;"] * 2),
        ("all", ['[add{"a": 1}];It is 2.;', '[say{"of": null}]y;It is 2.;']),
    ],
)
def test_calls_are_trained_as_they_are_scored(calling, tmp_path, monkeypatch, turns, answers):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = (
        "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}"
        "<|{{ m.role }}|>{{ m.content }}{{ m.tool_call_id if 'tool_call_id' in m }}"
        "{% if 'tool_calls' in m %}{% for c in m.tool_calls %}"
        "[{{ c.function.name }}{{ c.function.arguments | tojson }}]{{ c.id if 'id' in c }}"
        "{% endfor %}{% endif %};{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    samples, rows = calling(turns, tokenizer)
    assert [tuple(row["input_ids"]) for row in rows] == [render(s, tokenizer).ids for s in samples]
    said = [[i for i in row["labels"] if i != -100] for row in rows]
    assert tokenizer.batch_decode(said) == answers


def test_calls_without_a_template_are_refused_in_one_sentence(calling):
    with pytest.raises(SystemExit, match="The rows call functions, for which this model has no"):
        calling("last", byte_tokenizer(chat=False))


def test_earlier_turns_that_a_template_writes_anew_are_not_passed_over(calling):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = (
        "{{ messages | length }}{% for m in messages %}{{ m.content }};{% endfor %}"
    )
    with pytest.raises(SystemExit, match="export with --turns last"):
        calling("all", tokenizer)


@pytest.mark.parametrize(
    "name", ["gptoss", "glm4moe", "llama3_1", "qwen2_5", "qwen3", "qwen3_5_think", "lfm2_v2"]
)
def test_calls_through_templates_of_real_models(calling, tmp_path, monkeypatch, name):
    trl = pytest.importorskip("trl", reason="needs the extra 'train'")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    tokenizer = byte_tokenizer()
    template = Path(trl.__file__).parent / f"chat_templates/{name}.jinja"
    # The script itself takes out the sentence that drops reasoning; gpt-oss writes the date.
    tokenizer.chat_template = _stopped_clock() + kept_reasoning(template.read_text())
    samples, rows = calling("last", tokenizer)
    for sample, row in zip(samples, rows, strict=True):
        assert tuple(row["input_ids"]) == render(sample, tokenizer).ids
        said = tokenizer.decode([i for i in row["labels"] if i != -100])
        assert "It is 2." in said
        assert "1 + 1?" not in said
        assert "add" not in said
