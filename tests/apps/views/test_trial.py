"""The Trial page on a finished trial, without one, and its form."""

from __future__ import annotations

import json

import pytest

from tests.apps.conftest import look_at, markdown_of, open_page, words
from tests.trial.made import Made, rows_of
from workbench.options import TrialOptions, TuneOptions
from workbench.stages import Asked, run_trial

pytest.importorskip("trl", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def trials(checkpoint, tmp_path_factory):
    """Two selections and a trial of them, with two trainings an arm."""
    made = Made(tmp_path_factory.mktemp("trials"), checkpoint("llama"))
    paths = [made.selection(policy, n=4) for policy in ("top", "bottom")]
    held_out = made.eval_file("eval.jsonl", rows_of(4, first=50))
    options = TrialOptions(seeds=2, tokens=150)
    asked = Asked(paths, [str(held_out)])
    return run_trial(made.place, made.source, asked, options, TuneOptions(lr=1e-3))


@pytest.fixture
def shown(trials, monkeypatch):
    look_at(trials.run.parent, monkeypatch)
    return open_page("trial"), json.loads(trials.result.read_text())


def test_the_page_says_the_verdict_and_every_difference(shown):
    at, report = shown
    for sentence in report["verdict"]:
        assert sentence.split(":")[0].split("(")[0] in words(at)
    arms, differences = (frame.value for frame in at.dataframe)
    assert list(arms["arm"]) == [*(arm["name"] for arm in report["arms"]), "before"]
    assert list(arms["held-out loss"])[:-1] == [arm["loss"] for arm in report["arms"]]
    assert list(differences["says"]) == [c["says"] for c in report["comparisons"]]
    assert f"measured on {report['eval']['n']} rows of eval.jsonl" in words(at)
    assert [b.label for b in at.get("download_button")] == ["HTML report"]
    assert [c.proto.id for c in at.get("plotly_chart")] != []


def test_without_a_trial_the_page_says_what_makes_one(empty):
    at = open_page("trial")
    assert "No trial here yet." in words(at)
    assert "workbench trial --selections A B --eval D" in words(at)


def test_the_form_names_selections_and_what_is_measured(trials, monkeypatch):
    look_at(trials.run.parent, monkeypatch)
    at = open_page("run")
    at.segmented_control(key="stage").select("trial").run()
    newest, older, *_ = at.multiselect(key="trial_selections").options
    at.multiselect(key="trial_selections").set_value([newest, older]).run()
    (command,) = (c.value for c in at.code if c.value.startswith("workbench trial"))
    assert command.count("--selections=") == 2
    assert "--eval=gsm8k" in command
    assert "--data" not in command
    at.multiselect(key="trial_selections").set_value([]).run()
    assert "no selection is named" in markdown_of(at)
