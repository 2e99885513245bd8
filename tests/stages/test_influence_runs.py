"""AttentionInfluence and AIR as runs: killed anywhere, their files do not show it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

import workbench.stages.score as stage
from tests.support.head_scores import write_circuit
from workbench.data import read_samples
from workbench.errors import InputError
from workbench.runs import Run
from workbench.scoring import WINDOW_RULE, ScoreRequest
from workbench.stages import (
    ModelSource,
    Place,
    SelectOptions,
    read_scores,
    run_export,
    run_score,
    run_select,
)
from workbench.types import Sample

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("attention-influence", "air", "ifd")
FILES = ("scores.parquet", "summary.json", "steps.parquet")
N_ROWS = 24
PATIENCE = 180


def write_rows(path: Path, n_rows: int = N_ROWS) -> Path:
    """Solutions of one to three lines; one row is broken, one has no solution, one is long."""
    rows = [
        {
            "id": f"row-{i}",
            "prompt": f"{i} and {i * i % 89}?",
            "completion": "\n".join(["we add them", f"it is {i * 7}", "so done"][: 1 + i % 3]),
            "domain": "ab"[i % 2],
        }
        for i in range(n_rows)
    ]
    rows[3]["completion"] = ""
    rows[5]["prompt"] = "long " * 25
    lines = list(map(json.dumps, rows))
    lines[7] = '{"prompt": '
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pool.jsonl")


@pytest.fixture(scope="module")
def heads_path(tiny_model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("heads") / "heads.json"
    return write_circuit(path, tiny_model.info, 2, method="retrieval")


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(stage, "SHARD_ROWS", 7)


@pytest.fixture
def score(source, data, heads_path):
    def call(runs: Path, method: str, **options):
        options = ScoreRequest.of(method, **options)
        return run_score(Place(runs), source, [str(data)], options, heads_path=heads_path)

    return call


def bytes_of(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in FILES if (run / name).is_file()}


@pytest.mark.parametrize("method", METHODS)
def test_interrupted_between_any_two_parts_it_goes_on_to_the_same_bytes(
    method, score, small_shards, monkeypatch, tmp_path
):
    whole = score(tmp_path / "whole", method)
    n_parts = len(list((whole.run / "parts").iterdir()))
    assert n_parts == (8 if method == "air" else 4)
    write_part = Run.write_part
    budget = iter(())

    def write_some(self, *arguments, **options):
        if next(budget, None) is None:
            raise KeyboardInterrupt
        write_part(self, *arguments, **options)

    monkeypatch.setattr(Run, "write_part", write_some)
    # An attempt after an odd number of parts of `air` ends between steps and rows of a shard.
    for n_written in (0, 1, 2):
        budget = iter(range(n_written))
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path / "broken", method)
    budget = iter(range(n_parts))
    resumed = score(tmp_path / "broken", method)
    assert not resumed.reused
    assert next(budget, None) is not None, "a finished part was redone"
    assert bytes_of(resumed.run) == bytes_of(whole.run)
    assert ("steps.parquet" in bytes_of(whole.run)) == (method == "air")


@pytest.mark.slow
def test_killed_in_the_middle_of_the_steps_it_goes_on_to_the_same_bytes(
    checkpoint, source, heads_path, tmp_path
):
    data = write_rows(tmp_path / "pool.jsonl", 1600)
    options = ScoreRequest.of("air")
    whole = run_score(
        Place(tmp_path / "whole"), source, [str(data)], options, heads_path=heads_path
    )
    command = [
        *(sys.executable, "-m", "workbench.cli.main", "score", "--method", "air"),
        *("--model", str(checkpoint("llama")), "--device", "cpu", "--data", str(data)),
        *("--heads", str(heads_path), "--runs", str(tmp_path / "killed")),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("killed/*/parts/steps-00001.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    killed = Place(tmp_path / "killed")
    resumed = run_score(killed, source, [str(data)], options, heads_path=heads_path)
    assert not resumed.reused
    assert bytes_of(resumed.run) == bytes_of(whole.run)


def test_how_rows_are_cut_into_shards_changes_no_step(score, small_shards, tmp_path, monkeypatch):
    cut = score(tmp_path / "cut", "air")
    monkeypatch.setattr(stage, "SHARD_ROWS", 512)
    whole = score(tmp_path / "whole", "air")
    pd.testing.assert_frame_equal(
        pd.read_parquet(cut.run / "steps.parquet"), pd.read_parquet(whole.run / "steps.parquet")
    )


def test_every_scored_row_has_steps_that_cover_its_completion(score, data, tmp_path):
    outcome = score(tmp_path, "air", weights="linear")
    scores = read_scores(outcome.result)
    steps = pd.read_parquet(outcome.run / "steps.parquet")
    counts = {"malformed": 1, "ok": N_ROWS - 3, "too_short": 1, "truncated": 1}
    assert outcome.summary["counts"] == counts
    assert set(steps["row_id"]) == set(scores.loc[scores["status"] == "ok", "row_id"])
    completions = {
        s.row_id: s.completion for s in read_samples([str(data)]) if isinstance(s, Sample)
    }
    for row_id, of_row in steps.groupby("row_id"):
        spans = list(zip(of_row["start_char"], of_row["end_char"], strict=True))
        completion = completions[str(row_id)]
        assert "".join(completion[a:b] for a, b in spans) == completion
        assert of_row["step"].tolist() == list(range(len(of_row)))
    summary = outcome.summary["steps"]
    assert (summary["n"], summary["n_rows"]) == (len(steps), N_ROWS - 3)
    assert (summary["rule"], summary["floor"]) == ("linear", 0.05)
    base = (steps["loss_base"] * steps["n_tokens"]).groupby(steps["row_id"]).sum()
    mean = base / steps.groupby("row_id")["n_tokens"].sum()
    expected = scores.set_index("row_id")["loss_base"].dropna()
    assert mean[expected.index].tolist() == pytest.approx(expected.tolist())


def test_the_window_rule_is_on_record_and_long_rows_are_scored(score, tmp_path):
    outcome = score(tmp_path, "attention-influence")
    assert outcome.summary["windows"] == {"tokens": 96, "rule": WINDOW_RULE}
    manifest = json.loads((outcome.run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["details"]["windows"] == WINDOW_RULE
    scores = read_scores(outcome.result).set_index("row_id")
    assert scores.loc["row-5", "status"] == "ok"
    assert scores.loc["row-5", "n_windows"] == 2
    assert outcome.summary["part"] == "all"


def test_the_top_of_every_domain_is_selected(score, tmp_path):
    scores = score(tmp_path, "attention-influence")
    selection = run_select(
        Place(tmp_path), scores.result, SelectOptions("top", fraction=0.2, group_by="domain")
    )
    frame = read_scores(scores.result)
    frame["domain"] = ["ab"[int(i) % 2] for i in frame["row_index"]]
    kept = frame[frame["status"] == "ok"]
    expected = set()
    for domain, n_top in (("a", 3), ("b", 2)):
        of_domain = kept[kept["domain"] == domain].sort_values("score")
        expected |= set(of_domain["row_id"].iloc[-n_top:])
    assert set(pd.read_parquet(selection.result)["row_id"]) == expected
    after = {group["name"]: group["n_after"] for group in selection.summary["groups"]}
    assert after == {"a": 3, "b": 2}


def test_the_whole_pool_is_exported_with_the_selected_rows_twice(score, data, tmp_path):
    place = Place(tmp_path / "runs")
    scores = score(place.runs, "attention-influence")
    selection = run_select(place, scores.result, SelectOptions("top", fraction=0.2))
    report = run_export(place, selection.result, tmp_path / "out", form="repeat-weight")
    files = [str(tmp_path / "out" / name) for name in ("data.jsonl", "prompt-only.jsonl")]
    answered, unanswered = ([s.row for s in read_samples([file])] for file in files)
    rows = answered + unanswered
    chosen = set(pd.read_parquet(selection.result)["row_id"])
    assert (len(rows), len(unanswered)) == (N_ROWS - 1, 1)
    assert {row["_row_id"] for row in rows if row["_repeat"] == 2} == chosen
    assert all(row["_repeat"] == 1 for row in rows if row["_row_id"] not in chosen)
    table = read_scores(scores.result).set_index("row_id")["score"]
    for row in rows:
        expected = table[row["_row_id"]]
        assert row["_score"] == (None if pd.isna(expected) else expected)
    counts = {"bad": 1, "input": N_ROWS, "selected": 5, "written": N_ROWS - 2, "prompt_only": 1}
    assert report["counts"] == counts
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| as | repeat-weight |" in card
    assert "`_repeat` is 2 for selected rows" in card
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["as"] == "repeat-weight"
    assert provenance["variant"] is None
    assert provenance["circuit"]


def test_an_unknown_form_is_refused(score, tmp_path):
    scores = score(tmp_path / "runs", "ifd")
    selection = run_select(Place(tmp_path / "runs"), scores.result, SelectOptions("top", n=3))
    with pytest.raises(InputError, match="the form is 'twice', expected one of subset, repeat-w"):
        run_export(Place(tmp_path / "runs"), selection.result, tmp_path / "out", form="twice")
