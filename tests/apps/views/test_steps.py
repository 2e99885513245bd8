"""The Steps page: one solution's steps in numbers, other weights, and what is missing or torn."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from apps.widgets.remembered import keep_inside
from tests.apps.conftest import HOSTILE, look_at, open_page, strips, words
from tests.support.manifests import write_manifest
from workbench.scoring import ScoreRequest
from workbench.stages import ModelSource, Place, run_score

SOLUTIONS = (
    "First 2 + 2 = 4.\n\nThen 4 + 4 = 8.\n\nSo the answer is 8.",
    f"First {HOSTILE}.\n\nThen 1 + 1 = 2.",
    "One step only, 3.",
)


@pytest.fixture(scope="module")
def scored(chain, tmp_path_factory):
    """The chain with step scores of three worked solutions beside it."""
    root = tmp_path_factory.mktemp("steps") / "runs"
    shutil.copytree(chain, root)
    data = chain.parent / "worked.jsonl"
    rows = [
        {"id": f"s{i}", "problem": f"What is it, {i}?", "solution": text}
        for i, text in enumerate(SOLUTIONS)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = ModelSource(str(chain.parent / "tiny"), device="cpu")
    heads = next(root.glob("heads-*/heads.json"))
    run_score(Place(root), source, [str(data)], ScoreRequest.of("air"), heads_path=heads)
    return root


@pytest.fixture
def stepped(scored, chain, tmp_path, monkeypatch):
    root = tmp_path / "runs"
    shutil.copytree(scored, root)
    look_at(root, monkeypatch)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(chain.parent))
    return root


def tables(root) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores, the highest first, and all steps."""
    folder = next(root.glob("score-air-*"))
    scores = pd.read_parquet(folder / "scores.parquet").sort_values("score", ascending=False)
    return scores, pd.read_parquet(folder / "steps.parquet")


def shown_steps(at) -> pd.DataFrame:
    return next(d.value for d in at.dataframe if "influence" in d.value)


def blocks(at) -> str:
    (found,) = strips(at)
    return found.proto.body


def test_the_page_begins_with_the_row_of_highest_influence_and_all_its_steps(stepped):
    scores, steps = tables(stepped)
    top = scores.iloc[0]
    own = steps[steps["row_id"] == top["row_id"]]
    at = open_page("steps")
    assert f"Influence {top['score']:.3g}" in words(at)
    assert f"Steps {len(own)}" in words(at)
    frame = shown_steps(at)
    assert frame["influence"].tolist() == pytest.approx(own["score"].tolist())
    assert frame["loss as it is"].tolist() == pytest.approx(own["loss_base"].tolist())
    assert frame["heads uniform"].tolist() == pytest.approx(own["loss_weak"].tolist())
    assert frame["weight"].tolist() == pytest.approx(own["weight"].tolist())


def test_every_place_shows_the_steps_of_its_own_row(stepped):
    scores, steps = tables(stepped)
    at = open_page("steps")
    for place, row_id in enumerate(scores["row_id"], start=1):
        at.number_input(key="place").set_value(place).run()
        own = steps[steps["row_id"] == row_id]
        assert shown_steps(at)["influence"].tolist() == pytest.approx(own["score"].tolist())
        solution = SOLUTIONS[int(row_id[1:])]
        said = "".join(shown_steps(at)["text"]).replace(" ", "")
        assert said == "".join(solution.split())


def test_every_number_and_chart_of_the_page_explains_itself(stepped):
    at = open_page("steps")
    assert [m.label for m in at.metric if not m.help] == []
    assert [c.proto.id for c in at.get("plotly_chart") if not c.proto.alt] == []
    assert len(at.get("plotly_chart")) == 2


@pytest.mark.parametrize("rule", ["softmax", "linear", "top-fraction"])
def test_every_rule_keeps_the_mean_weight_of_the_tokens_at_one(stepped, rule):
    at = open_page("steps")
    at.selectbox(key="rule").select(rule).run()
    frame = shown_steps(at)
    assert np.average(frame["weight"], weights=frame["tokens"]) == pytest.approx(1)
    assert "tokens: 1.00" in words(at)


def test_colours_can_follow_the_weights(stepped):
    at = open_page("steps")
    before = blocks(at)
    at.segmented_control(key="step_shade").select("weight").run()
    assert "influence" in before
    assert "influence" not in blocks(at)


def test_markup_in_a_solution_is_shown_as_text(stepped):
    scores, _ = tables(stepped)
    place = scores["row_id"].tolist().index("s1") + 1
    at = open_page("steps")
    at.number_input(key="place").set_value(place).run()
    assert "<script" not in blocks(at)
    assert "&lt;script&gt;" in blocks(at)


def test_without_step_scores_the_page_says_what_makes_them(finished, no_demo):
    at = open_page("steps")
    heads = next(finished.glob("heads-*")).name
    assert "No scores by the method air here yet" in words(at)
    codes = [code.value for code in at.code]
    assert any("--method air" in c and f"--heads {heads}" in c for c in codes)
    assert not at.metric


def test_the_run_page_offers_the_step_weights_of_air(finished):
    at = open_page("run")
    at.segmented_control(key="stage").select("score").run()
    at.selectbox(key="method").select("air").run()
    at.selectbox(key="run_rule").select("softmax")
    at.number_input(key="run_temperature").set_value(2.0).run()
    command = next(c.value for c in at.code if c.value.startswith("workbench score"))
    assert "--method=air" in command
    assert "--weights=softmax --temperature=2.0" in command
    assert "--part" not in command


def test_steps_that_are_torn_are_told_in_words(stepped):
    next(stepped.glob("score-air-*/steps.parquet")).write_text("torn")
    assert "steps cannot be shown" in words(open_page("steps"))


def test_steps_of_another_layout_are_told_in_words(stepped):
    path = next(stepped.glob("score-air-*/steps.parquet"))
    pd.read_parquet(path).drop(columns="loss_weak").to_parquet(path)
    assert "no column loss_weak" in words(open_page("steps"))


def test_steps_in_another_order_are_found_by_their_row(stepped):
    path = next(stepped.glob("score-air-*/steps.parquet"))
    steps = pd.read_parquet(path)
    parts = [part for _, part in steps.groupby("row_id")]
    pd.concat(parts[::-1]).to_parquet(path)
    scores, _ = tables(stepped)
    own = steps[steps["row_id"] == scores.iloc[0]["row_id"]]
    assert shown_steps(open_page("steps"))["influence"].tolist() == pytest.approx(
        own["score"].tolist()
    )


def test_steps_whose_text_has_gone_keep_their_numbers(stepped):
    path = next(stepped.glob("score-air-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["details"]["data"] = [str(stepped / "gone.jsonl")]
    write_manifest(path, manifest)
    at = open_page("steps")
    assert "cannot be read" in words(at)
    scores, steps = tables(stepped)
    assert len(shown_steps(at)) == (steps["row_id"] == scores.iloc[0]["row_id"]).sum()


def test_methods_narrow_the_scores_that_are_offered(stepped, no_demo):
    for page in ("samples", "select"):
        at = open_page(page)
        assert at.selectbox(key="score_method").options == [
            "any method",
            "air",
            "circuitseer",
        ]
        at.selectbox(key="score_method").select("air").run()
        assert len(at.selectbox(key="scores").options) == 1
        assert "air" in at.selectbox(key="scores").value


def test_a_place_of_a_longer_table_is_forgotten(stepped):
    assert keep_inside("no such key", 1, 2) is None
    at = open_page("samples")
    at.selectbox(key="score_method").select("circuitseer").run()
    at.number_input(key="open").set_value(12).run()
    at.selectbox(key="score_method").select("air").run()
    assert at.number_input(key="open").value == 1
    assert not at.exception
