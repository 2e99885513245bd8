"""The Amplify page: pivots, mask and report in numbers, what is missing, and what is torn."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.reading.runs import forget_runs
from tests.amplification.damaged import write_damaged, write_rows
from tests.apps.conftest import HOSTILE, look_at, markdown_of, open_page, strips, words
from workbench.amplification import MaskOptions, UpdateOptions, read_pivots
from workbench.stages import (
    LocalizeOptions,
    ModelSource,
    Place,
    ReportOptions,
    run_localize,
    run_mask,
    run_report,
    run_update,
)


@pytest.fixture(scope="module")
def amplified(tmp_path_factory):
    """The runs of a whole amplification of the weakened model; not to be changed."""
    home = tmp_path_factory.mktemp("amplify")
    source = ModelSource(str(write_damaged(home / "damaged")), device="cpu")
    data = [str(write_rows(home / "pairs.jsonl"))]
    place = Place(home / "runs")
    asked = LocalizeOptions(n=40, n_samples=3, where="level=1", max_new_tokens=6)
    pivots = run_localize(place, source, data, asked)
    masking = MaskOptions(l1=0.02, lr=0.05, epochs=12)
    mask = run_mask(place, source, pivots.run / "pivots.parquet", masking)
    updating = UpdateOptions(steps=6, lrs=(1e-3,), every=3, validation_n=12)
    update = run_update(place, source, mask.result, updating)
    report = ReportOptions(n=20, n_other=10, text_n=0, retrieval_n=0, controls=("random",))
    run_report(place, source, [update.result], report)
    return place.runs


@pytest.fixture
def runs(amplified, tmp_path, monkeypatch):
    """A copy that a test may break."""
    root = tmp_path / "runs"
    shutil.copytree(amplified, root)
    look_at(root, monkeypatch)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(amplified.parent))
    return root


def result(runs, pattern: str) -> dict:
    return json.loads(next(runs.glob(pattern)).read_text())


def forks(at) -> str:
    (found,) = strips(at)
    return found.proto.body


def drop(runs, *stages: str) -> None:
    for stage in stages:
        for folder in runs.glob(f"amplify-{stage}*"):
            shutil.rmtree(folder)
    forget_runs()


def test_the_numbers_are_those_of_the_runs(runs):
    shown = words(open_page("amplify"))
    pivots = result(runs, "amplify-localize-*/pivots.json")
    mask = result(runs, "amplify-mask-*/mask.json")
    report = result(runs, "amplify-report-*/report.json")
    assert f"Pivotal tokens {pivots['n_pivots']}" in shown
    assert f"Right greedily {pivots['greedy_right']:.1%}" in shown
    assert f"Components kept {mask['n_kept']}" in shown
    assert f"Under the mask {mask['difference_after']:+.2f}" in shown
    assert f"Before {report['base']['task']:.1%}" in shown
    assert f"Gain {report['gains']['mask']['task']['mean']:+.1%}" in shown
    assert f"Against a random mask {report['against']['random']['mean']:+.1%}" in shown


def test_every_number_and_chart_explains_itself(runs):
    at = open_page("amplify")
    assert at.metric
    assert [m.label for m in at.metric if not m.help] == []
    charts = at.get("plotly_chart")
    assert len(charts) >= 3
    assert [chart.proto.id for chart in charts if not chart.proto.alt] == []
    assert "How to read this page" in [expander.label for expander in at.expander]


def test_every_pivot_is_shown_with_both_its_ways(runs):
    rows = read_pivots(next(runs.glob("amplify-localize-*/pivots.parquet")))
    rows = [row for row in rows if row["status"] == "ok"]
    at = open_page("amplify")
    for place in (1, len(rows)):
        at.number_input(key="pivot").set_value(place).run()
        row, shown = rows[place - 1], forks(at)
        assert row["desired_text"] in shown
        assert row["undesired_text"] in shown
        assert f"right · {'greedy' if row['greedy_right'] else 'sampled'}" in shown
        assert row["row_id"] in words(at).replace("\\", "")


def test_markup_in_prompts_and_traces_is_shown_as_text(runs):
    path = next(runs.glob("amplify-localize-*/pivots.parquet"))
    table = pq.read_table(path)
    for name in ("prompt", "shared_text", "right_text", "wrong_text", "desired_text"):
        hostile = pa.array([HOSTILE] * table.num_rows, pa.string())
        table = table.set_column(table.column_names.index(name), name, hostile)
    pq.write_table(table, path)
    at = open_page("amplify")
    assert "<script" not in forks(at)
    assert "&lt;script&gt;" in forks(at)
    assert HOSTILE not in markdown_of(at)
    assert "alert" in words(at)


def commands(at) -> list[str]:
    return [code.value for code in at.code if code.value.startswith("workbench amplify")]


def test_each_missing_step_is_named_with_its_command(runs):
    drop(runs, "report")
    at = open_page("amplify")
    update = next(runs.glob("amplify-update-mask-*"))
    (command,) = commands(at)
    assert command.startswith("workbench amplify report")
    assert f"--update {update.name}" in command
    validation = json.loads((update / "update.json").read_text())["validation"]
    assert f"After {validation['after']:.1%}" in words(at)
    drop(runs, "update")
    mask = next(runs.glob("amplify-mask-*")).name
    (command,) = commands(open_page("amplify"))
    assert command.startswith("workbench amplify update")
    assert f"--mask {mask}" in command
    drop(runs, "mask")
    pivots = next(runs.glob("amplify-localize-*")).name
    at = open_page("amplify")
    assert f"--pivots {pivots}" in commands(at)[0]
    assert "No mask has been learnt" in words(at)


def test_without_any_amplification_it_says_how_to_begin(empty, no_demo):
    at = open_page("amplify")
    verbs = [command.split()[2] for command in commands(at)]
    assert verbs == ["localize", "mask", "update", "report"]
    assert "No pivotal tokens here yet" in words(at)
    assert not at.metric


def test_an_empty_folder_shows_the_demos_amplification(empty):
    at = open_page("amplify")
    assert "Right greedily" in [metric.label for metric in at.metric]
    assert "no gain beyond chance" in words(at)


@pytest.mark.parametrize(
    "file", ["localize-*/pivots.parquet", "localize-*/pivots.json", "mask-*/mask.json"]
)
def test_a_torn_result_is_told_in_words(runs, file):
    next(runs.glob(f"amplify-{file}")).write_text('{"schema": 1, "ke')
    assert "cannot be read" in words(open_page("amplify"))


def test_a_torn_report_is_told_in_words(runs):
    next(runs.glob("amplify-report-*/report.json")).write_text("[]")
    assert "cannot be read" in words(open_page("amplify"))


def test_an_interrupted_step_is_named(runs):
    next(runs.glob("amplify-mask-*/mask.json")).unlink()
    shown = words(open_page("amplify"))
    mask = next(runs.glob("amplify-mask-*")).name
    assert f"{mask} is interrupted" in shown.replace("\\", "")
    assert "Run its command again" in shown


def test_a_run_without_pivots_says_so(runs):
    path = next(runs.glob("amplify-localize-*/pivots.parquet"))
    table = pq.read_table(path)
    status = pa.array(["never_right"] * table.num_rows, pa.string())
    pq.write_table(table.set_column(table.column_names.index("status"), "status", status), path)
    shown = words(open_page("amplify"))
    assert "No problem of this run is right at one time and wrong at another" in shown


def test_warnings_of_the_mask_are_shown(runs):
    path = next(runs.glob("amplify-mask-*/mask.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"warnings": ["queries are <b>"]}))
    assert "Queries are" in words(open_page("amplify"))
