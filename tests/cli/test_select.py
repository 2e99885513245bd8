"""`workbench select` with several scores, with quotas, and `workbench select compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.test_bad_input import assert_refused


@pytest.fixture(scope="module")
def by_length(made, sums, checkpoint):
    """Another score of the same rows."""
    from workbench.scoring import ScoreRequest
    from workbench.stages import ModelSource, Place, run_score

    source = ModelSource(str(checkpoint("llama")), device="cpu")
    return run_score(Place(made["runs"]), source, [str(sums)], ScoreRequest.of("length")).run.name


def test_select_without_scores_says_so_and_compare_needs_two(workbench, made):
    done = workbench("select", "--policy", "top", "--n", 3)
    assert done.code == 2
    assert "Missing option '--scores'" in done.err
    runs = ("--runs", made["runs"])
    assert_refused(workbench("select", "compare", made["selection"], *runs), "one selection")
    done = workbench("select", *runs, "compare", made["selection"], made["selection"])
    assert done.code == 2
    assert "options of `select compare` go behind it" in done.err


def test_selections_are_compared_in_the_terminal_and_as_one_object(workbench, made, by_length):
    runs = ("--runs", made["runs"])
    other = ("--scores", by_length, "--policy", "top", "--n", 6, *runs, "--json")
    chosen = json.loads(workbench("select", *other).out)["run"]
    done = workbench("select", "compare", made["selection"], chosen, *runs)
    assert done.code == 0, done.err
    for words in ("A  select-top", "pool of 24 rows", "A and B", "median", "source"):
        assert words in done.out
    report = json.loads(
        workbench("select", "compare", made["selection"], chosen, *runs, "--json").out
    )
    assert [one["n"] for one in report["selections"]] == [5, 6]


def test_several_scores_are_combined_and_the_export_says_so(workbench, made, by_length, tmp_path):
    runs = ("--runs", made["runs"])
    both = ("select", "--scores", made["scores"], "--scores", by_length, "--n", 5, *runs)
    done = workbench(*both, "--policy", "top", "--json")
    answer = json.loads(done.out)
    assert answer["diagnostics"]["combine"] == "rank-mean"
    assert json.loads(workbench(*both, "--policy", "top", "--json").out)["reused"]
    scores = pq.read_table(f"{answer['run']}/scores.parquet").to_pandas()
    chosen = pq.read_table(answer["result"]).to_pandas()
    assert chosen["score"].tolist() == scores["score"].nlargest(5).tolist()
    maximum = json.loads(workbench(*both, "--combine", "max", "--json").out)
    assert maximum["run"] != answer["run"]
    assert "rank-mean of circuitseer, length" in workbench(*both, "--policy", "top").out
    out = tmp_path / "subset"
    assert workbench("export", "--selection", answer["run"], "--out", out, *runs).code == 0
    record = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    assert record["method"] == "rank-mean of circuitseer, length"


def test_a_quota_is_said_with_what_could_not_be_filled(workbench, made):
    runs = ("--runs", made["runs"])
    request = ("select", "--scores", made["scores"], "--policy", "top", *runs)
    done = workbench(*request, "--quota", "source=sums.jsonl:30")
    assert "quota source=sums.jsonl: 24 of 30 rows, 6 could not be filled" in done.out
    assert_refused(workbench(*request, "--quota", "source:3"), "COLUMN=VALUE:COUNT", "--quota")


READ = "  problem-solution (24 rows): prompt = problem, completion = solution"


def test_a_selection_says_what_it_read_for_its_groups(workbench, made):
    runs = ("--runs", made["runs"])
    request = ("select", "--scores", made["scores"], "--policy", "top", "--n", 4, *runs)
    grouped = (*request, "--group-by", "solution")
    for _ in range(2):
        done = workbench(*grouped)
        assert done.err.splitlines()[:2] == ["read 24 rows: 24 with a completion", READ]
    answer = json.loads(workbench(*grouped, "--json").out)
    manifest = json.loads((Path(answer["run"]) / "manifest.json").read_text(encoding="utf-8"))
    assert answer["read"] == manifest["details"]["read"]
    assert answer["read"]["with_completion"] == 24
    assert json.loads(workbench(*grouped, "--explain").out)["read"] == answer["read"]
    unread = (*request, "--group-by", "source")
    assert workbench(*unread).err == ""
    assert "read" not in json.loads(workbench(*unread, "--json").out)
    assert "read" not in json.loads(workbench(*unread, "--explain").out)


def test_an_export_says_what_it_read(workbench, made, tmp_path):
    request = ("export", "--selection", made["selection"], "--runs", made["runs"], "--out")
    done = workbench(*request, tmp_path / "a", "--license", "mit")
    assert done.err.splitlines()[:2] == ["read 24 rows: 24 with a completion", READ]
    assert done.out == f"5 rows in {tmp_path / 'a' / 'data.jsonl'}\n"
    done = workbench(*request, tmp_path / "b", "--json")
    assert json.loads(done.out)["read"]["shapes"]["problem-solution"]["rows"] == 24
    assert done.err == ""


def test_a_comparison_says_what_it_read_for_its_labels(workbench, made):
    request = ("select", "compare", made["selection"], made["selection"], "--runs", made["runs"])
    done = workbench(*request)
    assert done.err.splitlines()[:2] == ["read 24 rows: 24 with a completion", READ]
    report = json.loads(workbench(*request, "--json").out)
    assert (report["labels_from"], report["read"]["rows"]) == ("data", 24)


def test_near_duplicates_are_counted_in_the_terminal_and_in_json(workbench, made):
    runs = ("--runs", made["runs"])
    request = ("select", "--scores", made["scores"], "--policy", "top", "--n", 5, *runs)
    done = workbench(*request, "--near-duplicates", 0.8)
    assert done.code == 0, done.err
    assert "near duplicates        0 left out for 0 rows (likeness 0.8" in done.out
    again = json.loads(workbench(*request, "--near-duplicates", 0.8, "--json").out)
    assert again["reused"]
    assert again["diagnostics"]["near_duplicates"]["left_out"] == 0
    refused = workbench(*request, "--near-duplicates", 0.3)
    assert_refused(refused, "the near duplicates is 0.3", "from 0.5 to 1", "--near-duplicates")
