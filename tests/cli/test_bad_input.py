"""Whatever is wrong with a request: exit code 2 and one sentence on stderr that helps."""

from __future__ import annotations

import errno
import json
import os

import pytest


def assert_refused(done, *words: str) -> None:
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    (sentence,) = [line for line in done.err.splitlines() if line.startswith("Error: ")]
    for word in words:
        assert word in sentence
    assert len(sentence) > len("Error: ") + 10


@pytest.fixture
def score(workbench, checkpoint, tmp_path):
    """`workbench score` by length on the tiny model; what is passed comes on top."""

    def call(*arguments: object, runs=tmp_path / "runs", method="length"):
        model = ("--model", checkpoint("llama"), "--device", "cpu")
        return workbench("score", *model, "--method", method, "--runs", runs, *arguments)

    return call


@pytest.fixture
def select(workbench, made):
    def call(*arguments: object):
        return workbench("select", "--runs", made["runs"], "--scores", made["scores"], *arguments)

    return call


def test_a_missing_file(score):
    done = score("--data", "nowhere.jsonl")
    assert_refused(done, "no data at 'nowhere.jsonl'", "bundled name (gsm8k, math", "check")


def test_an_empty_file(score, tmp_path):
    (tmp_path / "empty.jsonl").touch()
    assert_refused(score("--data", tmp_path / "empty.jsonl"), "no rows in", "empty.jsonl")


@pytest.mark.parametrize("command", ["score", "probe build", "heads find"])
def test_nothing_but_broken_lines(command, workbench, checkpoint, tmp_path):
    data = tmp_path / "broken.jsonl"
    data.write_text('{"problem": \nnonsense\n', encoding="utf-8")
    common = ("--model", checkpoint("llama"), "--data", data, "--runs", tmp_path / "runs")
    method = ("--method", "length") if command == "score" else ()
    done = workbench(*command.split(), *common, *method)
    assert_refused(done, "none of the 2 rows", "broken.jsonl", "line 1: not valid JSON")


def test_an_unknown_kind_of_file(score, tmp_path):
    (tmp_path / "rows.xlsx").touch()
    assert_refused(score("--data", tmp_path / "rows.xlsx"), "unknown extension", ".parquet")


def test_an_unknown_model(workbench, sums, tmp_path):
    request = ("score", "--method", "length", "--data", sums, "--runs", tmp_path)
    done = workbench(*request, "--model", "math-huge")
    assert_refused(done, "no model named 'math-huge'", "math-tiny", "check the spelling")
    done = workbench(*request, "--model", "nobody/nothing")
    assert_refused(done, "'nobody/nothing'", "local")
    assert_refused(workbench(*request, "--model", tmp_path), "has no config.json")


@pytest.mark.parametrize("flag", ["--device", "--dtype"])
def test_an_unknown_device_or_number_format(flag, score, sums):
    assert_refused(score("--data", sums, flag, "abacus"), "abacus")


def test_heads_of_another_model(workbench, checkpoint, made, sums):
    common = ("--heads", made["heads"], "--data", sums, "--runs", made["runs"])
    done = workbench("score", "--model", checkpoint("qwen2"), *common)
    assert_refused(done, "the heads were found on", "expected weights", "find heads on this one")
    done = workbench("heads", "validate", "--model", checkpoint("qwen2"), *common, "--no-control")
    assert_refused(done, "the heads were found on")


def test_circuitseer_without_heads(score, sums):
    assert_refused(score("--data", sums, method="circuitseer"), "needs heads", "pass --heads")


@pytest.mark.parametrize("fraction", ["0", "2", "-0.1", "nan"])
def test_a_fraction_that_is_none(fraction, select, workbench, made, tmp_path):
    assert_refused(select("--fraction", fraction), "fraction")
    found = workbench(
        *("heads", "find", "--runs", made["runs"], "--probe", made["probe"]),
        *("--fraction", fraction),
    )
    assert_refused(found, "fraction")


def test_a_budget_above_the_pool(select):
    assert_refused(select("--n", 25), "n is 25", "1 to 24", "pass a smaller --n")
    done = select("--tokens", 10**6)
    assert_refused(done, "tokens is 1000000", "tokens with status ok", "pass a smaller --tokens")
    assert_refused(select("--n", 0), "n is 0")


def test_two_budgets_or_none(select):
    assert_refused(select(), "no budget is given", "exactly one of fraction, n and tokens")
    assert_refused(select("--n", 3, "--fraction", 0.1), "given by fraction and n", "exactly one")


@pytest.mark.parametrize("temperature", ["0", "-1", "inf", "nan"])
def test_a_temperature_that_is_none(temperature, select):
    assert_refused(select("--n", 3, "--temperature", temperature), "temperature", temperature)


def test_words_that_are_not_known(select, score, workbench, made, sums, tmp_path):
    assert_refused(select("--n", 3, "--policy", "Best of"), "'Best of'", "length-matched")
    assert_refused(select("--n", 3, "--adjust", "width"), "no width", "length")
    assert_refused(select("--n", 3, "--adjust", "length,"), "'length,'", "length,loss,source")
    assert_refused(select("--n", 3, "--group-by", "colour"), "no column 'colour'")
    assert_refused(score("--data", sums, method="guess"), "'guess'", "circuitseer")
    assert_refused(score("--data", sums, "--variant", "cv3"), "'cv3'", "excess")
    assert_refused(score("--data", sums, "--part", "middle"), "'middle'", "completion")
    assert_refused(score("--data", sums, "--shape", "round"), "'round'", "alpaca")
    built = workbench("probe", "build", "--data", sums, "--strategy", "worst", "--runs", tmp_path)
    assert_refused(built, "'worst'", "highest-loss")
    export = ("export", "--runs", made["runs"], "--selection", made["selection"])
    out = tmp_path / "out"
    assert_refused(workbench(*export, "--out", out, "--format", "xml"), "'xml'", "sharegpt")
    assert not out.exists()
    assert_refused(workbench("heads", "find", "--data", sums, "--method", "luck"), "'luck'")


@pytest.mark.parametrize(
    "request_",
    [
        ("export", "--out", "out", "--selection"),
        ("select", "--n", "3", "--scores"),
        ("score", "--data", "gsm8k", "--heads"),
        ("heads", "find", "--probe"),
        ("heads", "show"),
        ("runs", "path"),
    ],
    ids=" ".join,
)
def test_a_run_that_does_not_exist(request_, workbench, made):
    done = workbench(*request_, "nothing", "--runs", made["runs"])
    assert_refused(done, "'nothing' is no file, folder or run", "expected a run with")


def test_a_run_of_another_kind(workbench, made, tmp_path):
    request = ("export", "--runs", made["runs"], "--out", tmp_path / "out")
    done = workbench(*request, "--selection", made["scores"])
    assert_refused(done, "holds no result", "selection.parquet")


def test_a_probe_and_data_at_once_or_neither(workbench, made, sums):
    words = "give either --probe or --data"
    request = ("heads", "find", "--runs", made["runs"])
    assert_refused(workbench(*request, "--probe", made["probe"], "--data", sums), words)
    assert_refused(workbench(*request), words)


def test_a_probe_larger_than_the_pool(workbench, checkpoint, sums, tmp_path):
    request = ("probe", "build", "--model", checkpoint("llama"), "--data", sums, "--n", 25)
    done = workbench(*request, "--runs", tmp_path)
    assert_refused(done, "25 probe samples were asked for and 24 of 24 rows", "pass --n 24")


def test_an_option_that_does_not_exist(workbench):
    assert_refused(workbench("score", "--speed", "fast"), "No such option", "--speed")
    assert_refused(workbench("sing"), "No such command 'sing'")


def test_a_file_in_the_way_of_the_runs(score, sums, tmp_path):
    (tmp_path / "file").touch()
    assert_refused(score("--data", sums, runs=tmp_path / "file"), "is a file")
    assert_refused(score("--data", sums, runs=tmp_path / "file" / "runs"), "cannot be written")


def test_a_runs_folder_that_may_not_be_written(score, sums, tmp_path):
    (tmp_path / "fixed").mkdir(mode=0o500)
    if os.access(tmp_path / "fixed", os.W_OK):
        pytest.skip("this user may write everywhere")
    assert_refused(score("--data", sums, runs=tmp_path / "fixed"), "cannot be written", "--runs")


@pytest.fixture
def full_disk(monkeypatch):
    def fsync(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk(score, workbench, made, sums, tmp_path):
    assert_refused(score("--data", sums), "cannot be written (No space left on device)")
    request = ("export", "--runs", made["runs"], "--selection", made["selection"])
    assert_refused(workbench(*request, "--out", tmp_path / "out"), "the disk is full")
    assert not (tmp_path / "out").exists()


def test_an_export_over_foreign_files(workbench, made, tmp_path):
    (tmp_path / "thesis.tex").touch()
    request = ("export", "--runs", made["runs"], "--selection", made["selection"])
    assert_refused(workbench(*request, "--out", tmp_path), "holds files and no provenance.json")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_some_broken_lines_and_rows_without_text_are_counted_and_no_reason_to_stop(score, tmp_path):
    rows = [json.dumps({"problem": f"What is {i} + 1?", "solution": "?"}) for i in range(5)]
    data = tmp_path / "mixed.jsonl"
    data.write_text("\n".join([*rows, '{"problem"', '{"problem": null}', "7"]), encoding="utf-8")
    done = score("--data", data, "--json")
    assert done.code == 0
    assert json.loads(done.out)["summary"]["counts"] == {"malformed": 3, "ok": 5}
    shown = score("--data", data)
    assert "3 malformed, 5 ok" in shown.out
    assert "line 6: not valid JSON" in shown.out


def test_a_failure_of_the_program_is_one_line_and_exit_code_1(score, sums, monkeypatch):
    import workbench.stages.score as stage

    def fail(*_arguments, **_options):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(stage, "score_checked", fail)
    done = score("--data", sums)
    assert done.code == 1
    assert done.out == ""
    assert done.err.splitlines()[-1].startswith("Failed: RuntimeError: out of luck. Set WORKBENCH_")
