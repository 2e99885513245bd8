"""`workbench amplify` in the terminal: the four steps, their plans, and what they refuse."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.amplification.damaged import write_damaged, write_rows
from tests.cli.test_bad_input import assert_refused


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("amplify")
    write_damaged(folder / "damaged")
    write_rows(folder / "pairs.jsonl")
    return folder


@pytest.fixture
def amplify(workbench, home):
    """`workbench amplify VERB` on the weakened model; what is passed comes on top."""

    def call(verb: str, *arguments: object, runs: Path = home / "runs"):
        common = ("--model", home / "damaged", "--device", "cpu", "--runs", runs)
        return workbench("amplify", verb, *common, *arguments)

    return call


LOCALIZE = ("--n", 30, "--samples", 3, "--max-new-tokens", 6, "--where", "level=1")
MASK = ("--l1", 0.02, "--lr", 0.05, "--epochs", 12)
UPDATE = ("--steps", 6, "--every", 3, "--lr", 1e-3, "--validation-n", 12)
REPORT = ("--n", 12, "--n-other", 6, "--text-n", 0, "--retrieval-n", 0, "--against", "random")


@pytest.fixture
def asked(amplify, home):
    """`asked("mask", ...)` with `--json`: the one object on stdout."""

    def call(verb: str, *arguments: object) -> dict:
        done = amplify(verb, *arguments, "--json")
        assert done.code == 0, done.err
        (line,) = done.out.splitlines()
        return json.loads(line)

    return call


@pytest.fixture
def chain(asked, home) -> dict[str, dict]:
    """All four steps; from the second test on, finished runs answer."""
    pivots = asked("localize", "--data", home / "pairs.jsonl", *LOCALIZE)
    mask = asked("mask", "--pivots", pivots["run"], *MASK)
    update = asked("update", "--mask", mask["run"], *UPDATE)
    report = asked("report", "--update", update["run"], *REPORT)
    return {"localize": pivots, "mask": mask, "update": update, "report": report}


RESULTS = {
    "localize": "pivots.json",
    "mask": "mask.json",
    "update": "update.json",
    "report": "report.json",
}


def test_every_step_answers_with_one_object(chain, workbench, home):
    for verb, result in RESULTS.items():
        answer = chain[verb]
        assert answer["status"] == "finished"
        assert Path(answer["result"]) == Path(answer["run"]) / result
        assert Path(answer["result"]).is_file()
    assert chain["localize"]["pivots"]["n_pivots"] > 0
    assert chain["mask"]["mask"]["n_kept"] > 0
    assert (Path(chain["update"]["model"]) / "config.json").is_file()
    assert set(chain["report"]["report"]["gains"]) == {"mask", "random"}
    listed = json.loads(workbench("runs", "list", "--runs", home / "runs", "--json").out)
    stages = {run["stage"] for run in listed}
    assert {"amplify-localize", "amplify-mask", "amplify-update-mask", "amplify-report"} <= stages


def test_people_read_the_same_and_finished_runs_answer(chain, amplify, home):
    shown = amplify("localize", "--data", home / "pairs.jsonl", *LOCALIZE)
    summary = chain["localize"]["pivots"]
    assert f"{summary['n_pivots']} pivotal tokens in {summary['n_problems']} problems" in shown.out
    assert "with level=1, rule prefix" in shown.out
    assert shown.out.splitlines()[-1].endswith("pivots.json (a finished run answered)")
    shown = amplify("mask", "--pivots", Path(chain["localize"]["run"]).name, *MASK)
    assert f"{chain['mask']['mask']['n_kept']} components kept (" in shown.out
    assert "logit difference, right less wrong:" in shown.out
    shown = amplify("update", "--mask", chain["mask"]["result"], *UPDATE)
    assert "variant mask: " in shown.out
    assert f"workbench doctor --model {chain['update']['model']}" in shown.out
    shown = amplify("report", "--update", Path(chain["update"]["run"]).name, *REPORT)
    lines = shown.out.splitlines()
    assert lines[0].startswith("model ")
    assert [line.split("  ")[0] for line in lines[1:4]] == [
        "before",
        "masked update",
        "random mask",
    ]
    assert chain["report"]["report"]["verdict"] in shown.out
    assert lines[-2].endswith("report.html")
    assert Path(lines[-2]).is_file()


@pytest.mark.parametrize("verb", RESULTS)
def test_a_plan_is_printed_and_nothing_written(verb, chain, amplify, home, tmp_path):
    before = sorted(path.name for path in (home / "runs").iterdir())
    request = {
        "localize": ("--data", home / "pairs.jsonl", *LOCALIZE),
        "mask": ("--pivots", chain["localize"]["result"], *MASK),
        "update": ("--mask", chain["mask"]["result"], *UPDATE, "--seed", 5),
        "report": ("--update", chain["update"]["result"], *REPORT, "--seed", 5),
    }[verb]
    done = amplify(verb, *request, "--explain", runs=tmp_path / "runs")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["samples"] > 0
    assert plan["forward_passes"] > 0
    assert plan["estimated_seconds"] >= 0
    assert plan["weights_mb"] >= 0
    if verb == "localize":
        assert plan["forward_passes"] == 4 * 6
    elif verb == "update":
        assert (plan["steps"], plan["backward_passes"]) == (6, 6)
        assert plan["forward_passes"] == 6 + 3 * 6
    elif verb == "report":
        assert plan["models"] == 3
    assert not (tmp_path / "runs").exists()
    assert sorted(path.name for path in (home / "runs").iterdir()) == before


def test_the_plain_text_of_a_report_may_have_a_column_of_its_own(chain, amplify, tmp_path):
    body = tmp_path / "body.jsonl"
    rows = [{"body": f"A text of its own, number {i}."} for i in range(40)]
    body.write_text("".join(json.dumps(row) + "\n" for row in rows))
    request = ("--update", chain["update"]["run"], *REPORT, "--text-n", 4, "--control", body)
    assert_refused(amplify("report", *request, "--explain"), "'body'", "--control-text-column")
    done = amplify("report", *request, "--control-text-column", "body", "--explain")
    plan = json.loads(done.out)
    assert (plan["read_control"]["whose"], plan["read_control"]["text"]) == ("control", 40)


def test_an_interrupted_step_ends_with_130(amplify, chain, monkeypatch):
    import workbench.stages.amplify.mask as stage

    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "learn_mask", interrupt)
    done = amplify("mask", "--pivots", chain["localize"]["run"], "--epochs", 1)
    assert done.code == 130
    assert "Run the same command again" in done.err


def test_rows_that_are_not_there(amplify, home, tmp_path):
    data = ("--data", home / "pairs.jsonl")
    done = amplify("localize", *data, "--where", "level=9")
    assert_refused(done, "none of the 160 rows with level=9", "another --where")
    assert_refused(amplify("localize", *data, "--where", "level"), "'level'", "--where n_steps=")
    words = tmp_path / "words.jsonl"
    rows = [{"id": f"w{i}", "prompt": "Say it.", "completion": "It, said."} for i in range(30)]
    words.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = amplify("localize", "--data", words)
    assert_refused(done, "has an answer that can be checked", "column 'answer'")


def test_earlier_steps_that_are_not_there(amplify, chain, tmp_path):
    for verb, option, result in (
        ("mask", "--pivots", "pivots.json"),
        ("update", "--mask", "mask.json"),
        ("report", "--update", "update.json"),
    ):
        assert_refused(amplify(verb, option, "nowhere"), "'nowhere' is no file", result)
    broken = tmp_path / "pivots.json"
    broken.write_text("{")
    assert_refused(amplify("mask", "--pivots", broken), "cannot be read", "run that stage again")


def test_another_model_than_that_of_the_pivots(workbench, chain, checkpoint, home):
    model = ("--model", checkpoint("gpt2"), "--device", "cpu", "--runs", home / "runs")
    done = workbench("amplify", "mask", *model, "--pivots", chain["localize"]["run"])
    assert_refused(done, "has weights", "pass the same model")


def test_settings_that_cannot_be(amplify, chain, home):
    data = ("--data", home / "pairs.jsonl")
    assert_refused(amplify("localize", *data, "--rule", "luck"), "'luck'", "branching")
    assert_refused(amplify("localize", *data, "--hot", "nan"), "the hot is nan", "above 0", "--hot")
    assert_refused(amplify("localize", *data, "--device", "abacus"), "abacus")
    assert_refused(amplify("mask", "--pivots", "p", "--l1", -1), "the l1 is -1.0", "from 0 on")
    assert_refused(amplify("update", "--mask", "k", "--lr", 0), "one of the lrs is 0.0", "above 0")
    assert_refused(amplify("report", "--update", "u", "--against", "nothing"), "'nothing'")


def test_lora_without_its_package_is_one_sentence(amplify, chain, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    done = amplify("update", "--mask", chain["mask"]["run"], "--variant", "lora")
    assert_refused(done, "needs the package 'peft'", "circuit-workbench[train]")
    done = amplify("report", "--update", chain["update"]["run"])
    assert_refused(done, "needs the package 'peft'")
