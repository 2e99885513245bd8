"""A trial as a run: equal budgets, resumed to the byte, and words that fit what was trained."""

from __future__ import annotations

import dataclasses
import json

import pyarrow.parquet as pq
import pytest

from tests.trial.made import N_ROWS, TUNING, Made, rows_of
from workbench.errors import InputError
from workbench.options import SpendOptions, TrialOptions
from workbench.stages import Place, plan_trial, run_trial
from workbench.stages.calibrate import seconds_a_new_token

pytest.importorskip("trl", reason="needs the extra `train`")

REPEATED = TrialOptions(seeds=3, tokens=1200, accuracy=2)
ONCE = TrialOptions(seeds=1, eval_n=3)
SINGLY = dataclasses.replace(TUNING, batch_size=1)
FILES = ("report.json", "losses.parquet", "curves.parquet", "trial.html")


@pytest.fixture(scope="module")
def made(checkpoint, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("trial"), checkpoint("llama"))


@pytest.fixture(scope="module")
def equal(made):
    """Two selections of the very same rows, drawn by two runs."""
    return [made.selection("top", n=5, seed=seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def asked(made, equal):
    """Measured on the selected rows: if no difference showed there, none could."""
    return made.asked(*equal, rows=made.rows(equal[0]))


@pytest.fixture(scope="module")
def done(made, asked):
    return run_trial(made.place, made.source, asked, REPEATED, TUNING)


@pytest.fixture(scope="module")
def small_and_large(made):
    return made.selection("top", n=8), made.selection("bottom", n=15)


@pytest.fixture(scope="module")
def once(made, small_and_large):
    """One training an arm, by the default budget, measured on few rows that none has read."""
    asked = made.asked(*small_and_large, rows=rows_of(9, first=200))
    return run_trial(made.place, made.source, asked, ONCE, SINGLY)


def test_a_plan_prices_the_answers_too(made, asked, monkeypatch):
    slow = "workbench.stages.trial.plan.seconds_a_new_token"
    monkeypatch.setattr(slow, lambda *asked: 1e3 if seconds_a_new_token(*asked) > 0 else 0.0)
    plans = [
        plan_trial(
            made.source,
            asked,
            TrialOptions(seeds=1, accuracy=n),
            TUNING,
            runs=made.place.runs,
        )
        for n in (0, 2)
    ]
    assert [plan["answers"] for plan in plans] == [0, 7 * 2]
    assert plans[1]["decoded_tokens"] > 0
    assert plans[1]["estimated_seconds"] >= 1e3 * plans[1]["decoded_tokens"]
    assert plans[0]["estimated_seconds"] < 1e3


def contents(run):
    return {name: (run / name).read_bytes() for name in FILES}


def test_every_arm_reads_the_same_tokens_in_the_same_steps(done):
    report = done.summary
    assert report["budget"]["tokens"] == 1200
    longest = 70
    for arm in report["arms"]:
        assert all(1200 <= n < 1200 + longest for n in arm["tokens"]), arm
    curves = pq.read_table(done.run / "curves.parquet").to_pandas()
    per_arm = curves.groupby(["arm", "seed"]).agg(n=("step", "size"), tokens=("n_tokens", "sum"))
    assert set(per_arm["n"]) == {report["budget"]["n_steps"]}
    by_arm = {arm["name"]: arm["tokens"] for arm in report["arms"]}
    for (arm, seed), row in per_arm.iterrows():
        assert row["tokens"] == by_arm[arm][seed]
    # No step is empty, and none is much larger than its part.
    assert curves["n_rows"].min() >= 1


def test_equal_selections_cannot_be_told_apart(done):
    one, other = (arm for arm in done.summary["arms"] if arm["kind"] == "selection")
    assert one["loss_by_seed"] == other["loss_by_seed"]
    (pair,) = (
        c
        for c in done.summary["comparisons"]
        if (c["measure"], c["arm"], c["against"]) == ("loss", one["name"], other["name"])
    )
    assert (pair["difference"], pair["low"], pair["high"]) == (0, 0, 0)
    assert pair["says"] == "no difference"
    said = f"{one['name']} cannot be told from {other['name']}: +0.0000"
    assert any(said in sentence for sentence in done.summary["verdict"])


def test_controls_are_drawn_anew_for_each_seed_and_as_large_as_what_they_stand_beside(done):
    arms = {arm["name"]: arm for arm in done.summary["arms"]}
    top, _ = (arm for arm in arms.values() if arm["kind"] == "selection")
    lengths = arms[f"random, lengths of {top['name']}"]
    assert lengths["of"] == top["name"]
    assert lengths["n_rows"] == top["n_rows"] == [5] * 3
    assert top["rounds"] == pytest.approx([top["rounds"][0]] * 3, rel=0.05)
    # Other rows with every seed: the sets have other sizes in tokens.
    assert len(set(arms["random"]["rounds"])) > 1
    assert len(set(lengths["rounds"])) > 1
    assert all(abs(r / top["rounds"][0] - 1) < 0.3 for r in arms["random"]["rounds"])
    assert arms["whole pool"]["n_rows"] == [N_ROWS] * 3


def test_a_trial_stopped_anywhere_ends_with_the_same_bytes(once, made, small_and_large, tmp_path):
    """First within the second training, after a checkpoint; then between two trainings."""
    asked = made.asked(*small_and_large, rows=rows_of(9, first=200))
    n_steps = once.summary["budget"]["n_steps"]
    assert n_steps >= 3

    def stop_at(place_in_trial):
        def tell(n, _total, _text):
            if n == place_in_trial:
                raise KeyboardInterrupt

        return tell

    spend = SpendOptions(checkpoint_every=1)
    # The runs of the selections lie in the first folder: only the trial's own is another.
    runs = tmp_path / "runs"
    runs.mkdir()
    for path in made.place.runs.iterdir():
        if not path.name.startswith("trial"):
            (runs / path.name).symlink_to(path)
    seen = []
    for stop in (1 + (n_steps + 1) + n_steps - 1, 1 + 3 * (n_steps + 1)):
        with pytest.raises(KeyboardInterrupt):
            run_trial(Place(runs, stop_at(stop)), made.source, asked, ONCE, SINGLY, spend=spend)
        seen.append(len(list(runs.glob("trial-*/checkpoint*"))))
    assert seen == [1, 0]
    steps = []
    place = Place(runs, lambda n, _total, _text: steps.append(n))
    resumed = run_trial(place, made.source, asked, ONCE, SINGLY, spend=spend)
    assert resumed.run.name == once.run.name
    assert min(n for n in steps if n) >= 1 + 3 * (n_steps + 1)
    assert contents(resumed.run) == contents(once.run)
    assert not list(resumed.run.glob("checkpoint*"))


def test_a_finished_trial_answers_at_once(done, made, asked):
    again = run_trial(made.place, made.source, asked, REPEATED, TUNING)
    assert again.reused
    assert again.summary == done.summary


def test_each_problem_has_its_loss_and_few_an_answer(done):
    frame = pq.read_table(done.run / "losses.parquet").to_pandas()
    n_arms = len(done.summary["arms"])
    assert len(frame) == 5 * (3 * n_arms + 1)
    assert (frame["loss"] > 0).all()
    assert frame["right"].notna().sum() == 2 * (3 * n_arms + 1)
    arm = done.summary["arms"][2]
    of_arm = frame[(frame["arm"] == arm["name"]) & (frame["seed"] == 1)]
    assert of_arm["loss"].mean() == pytest.approx(arm["loss_by_seed"][1])


def check_taught(report, name):
    assert report["beat"][0] == name
    assert report["verdict"][0].endswith(" selections beat random rows at equal tokens.")
    assert f"{name}: beat random rows, held-out loss -" in report["verdict"][1]
    assert any(f"{name} read 5 of the 5 eval rows" in said for said in report["warnings"])
    arms = {arm["name"]: arm for arm in report["arms"]}
    assert arms[name]["loss"] < report["untuned"]["loss"] - 0.5


def test_rows_that_are_tested_teach_what_is_tested(done, equal):
    check_taught(done.summary, equal[0].parent.name)


@pytest.mark.slow
def test_rows_teach_an_adapter_as_well(made, equal, asked):
    asked = dataclasses.replace(asked, selection_paths=equal[:1])
    tuning = dataclasses.replace(TUNING, lora=True, lora_rank=8, lr=3e-2)
    options = TrialOptions(seeds=1, tokens=1200)
    report = run_trial(made.place, made.source, asked, options, tuning).summary
    losses = {arm["name"]: arm["loss"] for arm in report["arms"]}
    assert losses[equal[0].parent.name] < losses["random"]
    assert losses["random"] < report["untuned"]["loss"] - 0.5


def test_one_seed_judges_nothing(once):
    report = once.summary
    assert report["verdict"][0].startswith("Nothing is judged: with one training")
    assert {c["says"] for c in report["comparisons"]} == {"not judged"}
    assert report["beat"] == []


def test_the_default_budget_is_the_smallest_selection(once, small_and_large):
    small, report = small_and_large[0].parent.name, once.summary
    assert report["budget"]["tokens"] == report["budget"]["set_tokens"]
    arms = {arm["name"]: arm for arm in report["arms"]}
    assert arms[small]["rounds"] == [1.0]
    assert arms[small]["n_rows"] == [8]


def test_rows_of_the_eval_data_are_drawn(once):
    assert once.summary["eval"]["n"] == 3


def test_the_report_is_json_and_the_page_says_the_verdict(done):
    assert json.loads(json.dumps(done.summary, allow_nan=False)) == done.summary
    page = (done.run / "trial.html").read_text(encoding="utf-8")
    for words in (done.summary["verdict"][0], "whole pool", "held-out loss", "target tokens"):
        assert words in page


def test_eval_rows_that_no_loss_can_be_taken_on_are_refused(made):
    rows = [{"id": f"t{i}", "question": "Say", "answer": "long " * 40} for i in range(3)]
    asked = made.asked(made.selection("top", n=5), rows=rows)
    with pytest.raises(InputError, match=r"none of the 3 eval rows can be used.*other --eval"):
        run_trial(made.place, made.source, asked, ONCE, SINGLY)
