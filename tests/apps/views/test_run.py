"""The Run page: the command that a form stands for, the plan before the start, the jobs on disk."""

from __future__ import annotations

import json

import pytest

from apps.views.run.inputs import flags
from tests.apps.conftest import open_page, words
from workbench.ablation import KINDS
from workbench.data import Tally


def command(at) -> str:
    return next(c.value for c in at.code if c.value.startswith("workbench "))


def button(at, label: str):
    return next(b for b in at.button if b.label == label)


def at_stage(stage: str):
    at = open_page("run")
    at.segmented_control(key="stage").select(stage).run()
    return at


@pytest.fixture
def started(monkeypatch) -> list[dict]:
    calls = []

    def note(root, stage, argv, **options):
        calls.append({"root": root, "stage": stage, "argv": list(argv), **options})

    monkeypatch.setattr("apps.jobs.plan.start_job", note)
    return calls


def write_job(root, name: str, code: int | None, *, out: str = "", log: str = "", argv=()) -> None:
    """A job as its runner leaves it."""
    folder = root / ".jobs" / name
    folder.mkdir(parents=True)
    stage = name.split("-")[1]
    content = {"stage": stage, "title": stage.title(), "argv": list(argv), "heavy": True}
    (folder / "job.json").write_text(json.dumps(content))
    (folder / "out.txt").write_text(out)
    (folder / "log.txt").write_text(log)
    if code is not None:
        (folder / "ended.json").write_text(json.dumps({"code": code}))


def test_every_stage_shows_its_command(copied):
    runs = f"--runs={copied.resolve()}"
    circuit = next(copied.glob("heads-*")).resolve()
    expected = {
        "probe": "workbench probe build --model=math-tiny --data=generated",
        "heads": "workbench heads find",
        "validate": "workbench heads validate",
        "score": "workbench score",
        "demo": "workbench demo",
        "amplify": "workbench amplify localize --model=math-tiny --data=generated",
    }
    for stage, begin in expected.items():
        shown = command(at_stage(stage))
        assert shown.startswith(begin)
        assert stage == "demo" or runs in shown
        assert stage not in ("validate", "score") or f"--heads={circuit}" in shown


def test_a_race_is_asked_for_its_confidence_and_a_full_search_is_not(copied):
    at = at_stage("heads")
    assert "heads_confidence" not in [number.key for number in at.number_input]
    at.selectbox(key="heads_method").select("screen").run()
    at.number_input(key="heads_confidence").set_value(0.99).run()
    assert "--method=screen --confidence=0.99" in command(at)
    assert "--control" not in command(at)


def test_a_robust_circuit_is_asked_of_finished_runs_or_of_data(copied):
    at = at_stage("heads")
    at.selectbox(key="heads_method").select("robust").run()
    assert command(at).startswith("workbench heads robust --model=math-tiny --data=generated")
    assert "--n=60" in command(at)
    own = at.multiselect(key="robust_runs").options[0]
    at.multiselect(key="robust_runs").set_value([own])
    at.toggle(key="robust_data").set_value(False).run()
    circuit = next(copied.glob("heads-*")).resolve()
    assert f" --heads={circuit}" in command(at)
    assert "--data" not in command(at)
    at.multiselect(key="robust_runs").set_value([]).run()
    assert "neither a run nor data is named" in words(at)


def test_columns_of_own_data_can_be_named_and_those_of_bundled_data_need_none(copied):
    path = copied.resolve() / "own.jsonl"
    path.write_text('{"frage": "1 + 1?", "antwort": "2"}\n', encoding="utf-8")
    at = at_stage("score")
    assert "read_prompt_column" not in [line.key for line in at.text_input]
    at.selectbox(key="data").select("a path or a hub id").run()
    at.text_input(key="data_path").set_value(str(path)).run()
    at.text_input(key="read_prompt_column").set_value("frage")
    at.toggle(key="read_text_lines").set_value(True)
    at.selectbox(key="read_generation").select("all").run()
    words = f" --data={path} --prompt-column=frage --text-lines --generation=all --method="
    assert words in command(at)


def test_a_control_may_be_asked_for_and_a_contrast_needs_one(copied):
    at = at_stage("heads")
    at.toggle(key="heads_control").set_value(True).run()
    assert "--control=text" in command(at)
    at.toggle(key="heads_control").set_value(False)
    at.selectbox(key="rank").select("contrast").run()
    assert "--control=text" in command(at)
    assert "--rank=contrast" in command(at)


@pytest.mark.parametrize("stage", ["heads", "validate"])
def test_heads_are_found_and_held_by_any_kind_of_ablation(stage, copied):
    at = at_stage(stage)
    kinds = at.selectbox(key=f"{stage}_ablation")
    assert kinds.options == list(KINDS)
    assert "--ablation" not in command(at)
    kinds.select("zero").run()
    assert "--ablation=zero" in command(at)


def test_retrieval_reads_no_probe(copied):
    at = at_stage("heads")
    at.selectbox(key="heads_method").select("retrieval").run()
    assert command(at).startswith("workbench heads retrieve --model=math-tiny --data=text --n=60")
    at.toggle(key="retrieval_decode").set_value(True).run()
    assert "--decode" in command(at)
    assert "--probe" not in command(at)


def test_a_tuning_needs_an_export_and_reads_the_one_that_was_written(copied):
    at = at_stage("tune")
    assert "no export is named" in words(at)
    folder = copied.parent / "exports" / "top"
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text("{}")
    at = at_stage("tune")
    at.toggle(key="tune_lora").set_value(True).run()
    assert command(at).startswith(f"workbench tune --model=math-tiny --export={folder.resolve()}")
    assert " --lora " in command(at)


def test_each_step_of_an_amplification_builds_on_the_one_before(empty):
    """On the bundled demo, which has all four."""
    at = at_stage("amplify")
    for step, flag in (("mask", "pivots"), ("update", "mask"), ("report", "update")):
        at.segmented_control(key="step").select(step).run()
        shown = command(at)
        assert shown.startswith(f"workbench amplify {step} --model=")
        assert f" --{flag}=" in shown
        assert "amplify-" in shown.split(f" --{flag}=")[1].split()[0]


def test_a_step_without_the_one_before_says_so(copied, no_demo):
    at = at_stage("amplify")
    at.segmented_control(key="step").select("mask").run()
    assert "no finished run of the stage amplify localize" in words(at)


def test_scores_that_need_no_circuit_ask_for_none(copied):
    at = at_stage("score")
    at.selectbox(key="method").select("length").run()
    assert "--heads" not in command(at)
    assert "--variant" not in command(at)


def test_data_outside_the_allowed_roots_is_refused_in_words(copied, tmp_path):
    (tmp_path / "secret.jsonl").write_text("{}\n")
    at = at_stage("score")
    at.selectbox(key="data").select("a path or a hub id").run()
    assert "no data is named" in words(at)
    at.text_input(key="data_path").set_value(str(tmp_path / "secret.jsonl")).run()
    assert "--root" in words(at)
    assert not [c for c in at.code if c.value.startswith("workbench score")]
    assert "Start" not in [b.label for b in at.button]


def test_the_plan_comes_before_the_start(copied, started):
    at = at_stage("score")
    assert "Start" not in [b.label for b in at.button]
    button(at, "Show the plan").click().run()
    (call,) = started
    assert call["argv"][-2:] == ["--explain", "--json"]
    assert not call.get("heavy")
    plan = {"samples": 3675, "forward_passes": 294.0, "estimated_seconds": 240.0, "attention_mb": 3}
    plan |= {"weights_mb": 12, "read": Tally().summary() | {"rows": 3675, "with_completion": 3675}}
    write_job(copied, f"1-plan-{call['key']}", 0, out=json.dumps(plan))
    at.run()
    assert "Estimated time 4 min" in words(at)
    assert "Memory 15 MB" in words(at)
    assert "Forward passes 294" in words(at).splitlines()
    assert any(code.value.startswith("read 3675 rows: 3675 with") for code in at.code)
    button(at, "Start").click().run()
    assert started[1]["argv"] == [*call["argv"][:-2], "--json"]
    assert started[1]["heavy"]


def test_a_command_can_be_started_without_a_plan(copied, started):
    at = at_stage("score")
    asked = command(at)
    button(at, "Start without a plan").click().run()
    (call,) = started
    assert call["argv"][-1] == "--json"
    assert "--explain" not in call["argv"]
    assert call["heavy"]
    assert all(word in asked for word in call["argv"][len(call["argv"]) - 3 : -1])


def test_another_choice_needs_another_plan(copied, started):
    at = at_stage("score")
    button(at, "Show the plan").click().run()
    write_job(copied, f"1-plan-{started[0]['key']}", 0, out='{"samples": 3}')
    at.selectbox(key="data").select("math").run()
    assert "Start" not in [b.label for b in at.button]


def test_a_plan_that_failed_says_why(copied, started):
    at = at_stage("score")
    button(at, "Show the plan").click().run()
    write_job(copied, f"1-plan-{started[0]['key']}", 2, log="Error: no such model.")
    at.run()
    assert "no such model" in words(at)


def test_ended_jobs_are_told_with_their_reason_and_can_be_started_again(copied):
    write_job(copied, "1-score", 1, log="Failed: the disk is full.", argv=["x", "score"])
    write_job(copied, "2-heads", 0)
    shown = words(open_page("run"))
    assert "the disk is full" in shown
    assert "Heads" in shown
    assert "Start again" in [b.label for b in open_page("run").button]


def test_finished_runs_are_listed_with_their_manifests(finished):
    at = open_page("run")
    run = next(finished.glob("heads-*")).name
    assert run in at.dataframe[0].value["name"].tolist()
    assert "reason" not in at.dataframe[0].value, "none ended for a reason of its own"
    at.selectbox(key="manifest").select(run).run()
    assert json.loads(at.json[0].value)["stage"] == "heads-exact"


def test_no_value_of_a_form_can_become_an_option():
    found = flags({"by": "--out=/etc", "seed": 3, "no-control": True, "trim": None})
    assert found == ["--by=--out=/etc", "--seed=3", "--no-control"]
