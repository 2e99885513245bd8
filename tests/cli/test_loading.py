"""How a model is loaded, said on the command line once and meant by every stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_help import EVERY, command_at
from tests.test_architecture import calls, sources, tree_of

LOADING = {"template", "device_map", "quantize"}


def names(path: tuple[str, ...]) -> set[str]:
    return {str(parameter.name) for parameter in command_at(path).params}


def test_every_command_that_renders_rows_takes_a_template():
    with_model = [path for path in EVERY if "model" in names(path)]
    assert len(with_model) >= 5
    for path in with_model:
        assert "template" in names(path), path
        # What amplifies writes a checkpoint, so it takes whole weights on one device.
        if "batch_tokens" in names(path) and path[0] != "amplify":
            assert names(path) >= LOADING, path


def test_no_command_makes_its_model_without_those_options():
    """`model_source` reads them all."""
    for path in sources("workbench/cli"):
        if path.name != "frame.py":
            assert "ModelSource" not in calls(tree_of(path)), path


@pytest.fixture
def score(workbench, checkpoint, sums, tmp_path):
    def call(*arguments: object, model: Path | None = None):
        common = ("--model", model or checkpoint("llama"), "--data", sums, "--json")
        place = ("--runs", tmp_path / "runs", "--method", "loss", "--device", "cpu")
        return workbench("score", *common, *place, *arguments)

    return call


def test_the_template_belongs_to_the_question_and_to_the_manifest(score):
    answers = {t: json.loads(score("--template", t).out) for t in ("auto", "none")}
    assert answers["auto"]["run"] != answers["none"]["run"]
    assert json.loads(score().out)["run"] == answers["auto"]["run"]
    for template, used in (("auto", "chat"), ("none", "none")):
        run = Path(answers[template]["run"])
        manifest = json.loads((run / "manifest.json").read_text())
        assert manifest["inputs"]["model"]["template"] == template
        facts = json.loads((run / "model.json").read_text())
        assert facts["template"] == used
        assert len(facts["template_sha256"]) == 64
        tokens = manifest["details"]["tokens"]
        assert tokens == {key: facts[key] for key in tokens}
        assert set(tokens) == {"tokenizer_sha256", "template", "template_sha256", "added_tokens"}
    quantiles = [answer["summary"]["score_quantiles"] for answer in answers.values()]
    assert quantiles[0] != quantiles[1]


def test_heads_of_one_template_are_not_used_under_another(
    workbench, score, checkpoint, sums, tmp_path
):
    place = ("--runs", tmp_path / "runs", "--device", "cpu", "--json")
    asked = ("--data", sums, "--n", 4, "--model", checkpoint("llama"))
    heads = json.loads(workbench("heads", "find", *asked, *place).out)["run"]
    with_heads = ("--method", "circuitseer", "--heads", Path(heads) / "heads.json")
    assert score(*with_heads).code == 0
    for done in (
        score(*with_heads, "--template", "none"),
        workbench(
            *("heads", "validate", "--heads", Path(heads) / "heads.json", *asked[:2], *asked[4:]),
            *(*place, "--template", "none", "--no-control", "--no-decode"),
        ),
    ):
        assert done.code == 2
        assert "rendered with template 'chat' and these are with 'none'" in done.err
        assert "pass --template chat" in done.err


def test_a_base_model_under_a_chat_template_is_refused(score, checkpoint):
    done = score("--template", "chat", model=checkpoint("llama", chat=False))
    assert done.code == 2
    assert "has no chat template" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--device-map", "auto"), "both a device ('cpu') and a device map"),
        (("--quantize", "3bit"), "'3bit'"),
        (("--template", "alpaca"), "'alpaca'"),
    ],
)
def test_options_that_cannot_be_met_are_refused(arguments, words, score):
    done = score(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert words in done.err


def test_rows_that_a_probe_cannot_use_are_counted_with_their_reason(
    workbench, checkpoint, tmp_path
):
    rows = [{"problem": f"{i} + 1?", "solution": f"{i + 1}"} for i in range(6)]
    rows += [{"problem": "long " * 40, "solution": "?"}, {"problem": "no answer", "solution": ""}]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join([*map(json.dumps, rows), "{broken"]), encoding="utf-8")
    request = (
        *("probe", "build", "--model", checkpoint("llama"), "--device", "cpu"),
        *("--data", data, "--n", 3, "--runs", tmp_path / "runs"),
    )
    left_out = json.loads(workbench(*request, "--json").out)["probe"]["left_out"]
    assert left_out == {
        "longer than the model's context of 96 tokens": 1,
        "malformed": 1,
        "no tokens of a solution": 1,
    }
    shown = workbench(*request)
    assert "  1 left out: longer than the model's context of 96 tokens" in shown.out


def test_rows_that_a_validation_cannot_use_are_counted_with_their_reason(
    workbench, checkpoint, made, tmp_path
):
    rows = [{"problem": f"{i} plus 1?", "solution": f"{i + 1}"} for i in range(5)]
    rows += [{"problem": "long " * 40, "solution": "?"}]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join([*map(json.dumps, rows), "{broken"]), encoding="utf-8")
    done = workbench(
        *("heads", "validate", "--model", checkpoint("llama"), "--device", "cpu"),
        *("--heads", made["heads"], "--data", data, "--random", 3, "--no-control"),
        *("--runs", made["runs"], "--json"),
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["validation"]["left_out"] == {
        "longer than the model's context of 96 tokens": 1,
        "malformed": 1,
    }


def test_the_engine_that_ran_is_said_and_kept(workbench, checkpoint, sums, tmp_path):
    def scored(name, engine):
        place = ("--runs", tmp_path / name, "--device", "cpu", "--json")
        asked = ("--data", sums, "--model", checkpoint(name))
        heads = json.loads(workbench("heads", "find", *asked, "--n", 4, *place).out)["run"]
        return workbench(
            *("score", *asked, "--heads", Path(heads) / "heads.json", "--engine", engine), *place
        )

    for name, engine, ran in (
        ("llama", "auto", "fused"),
        ("llama", "hooked", "hooked"),
        ("gemma2", "auto", "hooked"),
    ):
        run = Path(json.loads(scored(name, engine).out)["run"])
        kept = json.loads((run / "manifest.json").read_text())["details"]["engine"]
        assert (kept["asked"], kept["name"]) == (engine, ran)
        assert json.loads((run / "summary.json").read_text())["engine"] == kept
        assert ("reason" in kept) == (ran == "hooked")
    refused = scored("gemma2", "fused")
    assert refused.code == 2
    assert "cannot run on the fused engine: " in refused.err
