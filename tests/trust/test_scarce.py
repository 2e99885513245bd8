"""Too little of everything: disk, open files, memory, a home, letters. One sentence, no loss."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import made, sums, workbench, write_sums  # noqa: F401 - fixtures

PROGRAM = (sys.executable, "-c", "from workbench.cli.main import main; main()")
SIZES = (0, 1, 40, 150, 400, 700, 1000, 1500, 2200, 3000, 4000, 5500, 7500, 10_000, 20_000)


@contextmanager
def limited(kind: int, value: int):
    """The system's own limit, for this process and as long as the block lasts."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@contextmanager
def few_files(spare: int):
    """No more than `spare` files can be opened: lower numbers that are free are taken first."""
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    taken = []
    try:
        while not taken or taken[-1] < highest:
            taken.append(os.dup(0))
        with limited(resource.RLIMIT_NOFILE, taken[-1] + 1 + spare):
            yield
    finally:
        for number in taken:
            os.close(number)


def said(done) -> str:
    assert "Traceback" not in done.err
    return done.err


def files_of(folder: Path, *names: str) -> dict[str, bytes]:
    return {name: next(folder.glob(f"*/{name}")).read_bytes() for name in names}


def test_a_disk_full_at_any_size_stops_with_one_sentence_and_goes_on_later(
    workbench,  # noqa: F811
    checkpoint,
    tmp_path,
):
    data = write_sums(tmp_path / "sums.jsonl", 20)
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--method", "length")
    names = ("scores.parquet", "summary.json")

    def score(runs):
        return workbench("score", *model, "--data", data, "--runs", runs, "--json")

    score(tmp_path / "whole")
    stopped = []
    for size in SIZES:
        with limited(resource.RLIMIT_FSIZE, size):
            done = score(tmp_path / "runs")
        stopped.append(done.code)
        if done.code:
            assert done.code == 2, said(done)
            assert "cannot be written (File too large)" in said(done)
        assert not list((tmp_path / "runs").rglob("*.tmp"))
    assert 2 in stopped
    assert score(tmp_path / "runs").code == 0
    assert files_of(tmp_path / "runs", *names) == files_of(tmp_path / "whole", *names)


def test_a_disk_full_during_an_export_leaves_the_earlier_one(workbench, made, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    request = ("export", "--runs", made["runs"], "--selection", made["selection"], "--out", out)
    assert workbench(*request).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    codes = []
    for size in (*SIZES, 100_000):
        with limited(resource.RLIMIT_FSIZE, size):
            done = workbench(*request)
        codes.append(done.code)
        if done.code:
            assert done.code == 2, said(done)
            assert "files may not become that large" in said(done)
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert set(codes) == {0, 2}


def test_a_disk_full_during_a_selection_loses_no_scores(workbench, made, tmp_path):  # noqa: F811
    request = ("select", "--scores", made["runs"] / made["scores"], "--policy", "soft", "--n", "3")
    codes = []
    for size in (*SIZES, 100_000):
        with limited(resource.RLIMIT_FSIZE, size):
            done = workbench(*request, "--runs", tmp_path / "runs")
        codes.append(done.code)
        assert done.code in (0, 2), said(done)
    assert codes[0] == 2
    assert codes[-1] == 0


def test_with_few_open_files_a_command_ends_in_words_or_works(workbench, made, tmp_path):  # noqa: F811
    select = ("select", "--scores", made["runs"] / made["scores"], "--policy", "top", "--n", "2")
    export = ("export", "--runs", made["runs"], "--selection", made["selection"])
    requests = ((*select, "--runs", tmp_path / "runs"), (*export, "--out", tmp_path / "out"))
    codes = set()
    for request in requests:
        for spare in (0, 1, 2, 3, 4, 5, 6, 8, 12):
            with few_files(spare):
                done = workbench(*request)
            codes.add(done.code)
            assert done.code in (0, 1, 2), said(done)
            assert (
                not done.code or "oo many open files" in said(done) or "too many files" in done.err
            )
        assert workbench(*request).code == 0
    assert codes - {0}


def test_a_finished_run_that_cannot_be_opened_is_left_as_it_is(workbench, made):  # noqa: F811
    scores = made["runs"] / made["scores"]
    request = ("select", "--scores", scores, "--policy", "top", "--n", "5", "--runs", made["runs"])
    result = made["runs"] / made["selection"] / "selection.parquet"
    before = result.stat()
    for spare in range(8):
        with few_files(spare):
            workbench(*request)
    after = result.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def started(*arguments, memory: int | None = None, stdout=subprocess.PIPE, **environment):
    """The program by itself, in an environment of its own."""

    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=limit,
        check=False,
    )


@pytest.fixture(scope="module")
def letters(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("letters") / "数.jsonl"
    path.write_text('{"problem": "1 · 2 = 数 😀?", "solution": "é"}\n', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"HOME": "/nonexistent"},
    ],
)
def test_without_a_home_or_letters_of_ones_own_rows_are_shown(letters, environment):
    done = started("data", "show", letters, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"1 rows" in done.stdout
    done = started("data", "show", letters, "--json", **environment)
    assert done.returncode == 0
    shown = json.loads(done.stdout)
    assert "数 😀" in json.dumps(shown, ensure_ascii=False)


def test_what_is_written_under_a_strict_umask_is_for_its_owner_alone(workbench, made, tmp_path):  # noqa: F811
    before = os.umask(0o077)
    try:
        request = ("export", "--runs", made["runs"], "--selection", made["selection"])
        assert workbench(*request, "--out", tmp_path / "out").code == 0
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "out").rglob("*")}
    assert modes == {0}


def test_a_limit_on_memory_is_told_in_words(tmp_path):
    data = tmp_path / "large.json"
    data.write_text("[" + "{}," * 6_000_000 + "{}]")
    done = started("data", "show", data, memory=500 * 2**20)
    assert done.returncode == 1, done.stderr
    assert done.stderr.decode().startswith("Failed: the memory does not suffice")
    assert b"Traceback" not in done.stderr


def test_a_full_disk_behind_stdout_is_told_once(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = started("runs", "list", "--runs", tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "Failed: OSError: [Errno 28] No space left on device. "
        "Set WORKBENCH_DEBUG=1 for the traceback."
    ]
