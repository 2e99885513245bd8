"""The token of the hub is in no manifest, no log, no output and no command line."""

from __future__ import annotations

import json

import pytest

from apps.jobs.job import COMMAND, read_job, start_job
from tests.cli.conftest import made, sums, workbench  # noqa: F401 - fixtures

TOKEN = "hf_neverToBeWrittenAnywhere"


@pytest.fixture(autouse=True)
def token(monkeypatch):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, TOKEN)


def holds_token(folder) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if TOKEN.encode() in path.read_bytes()]


def test_no_run_keeps_the_token(workbench, checkpoint, sums, tmp_path):  # noqa: F811
    runs = ("--runs", tmp_path / "runs", "--json")
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--method", "length")
    scored = workbench("score", *model, "--data", sums, *runs)
    scores = json.loads(scored.out)["run"]
    chosen = workbench("select", "--scores", scores, "--policy", "top", "--n", "2", *runs)
    selection = json.loads(chosen.out)["run"]
    out = ("--out", tmp_path / "runs" / "out")
    exported = workbench("export", "--selection", selection, *out, *runs)
    failed = workbench("score", *model, "--data", "hf:nobody/nothing", *runs)
    assert failed.code == 2
    for done in (scored, chosen, exported, failed):
        assert TOKEN not in done.out + done.err
    assert holds_token(tmp_path / "runs") == []


def test_no_job_keeps_or_passes_the_token(tmp_path):
    job = start_job(tmp_path, "data", [*COMMAND, "data", "show", "x.jsonl"], title="Show")
    assert TOKEN not in " ".join(read_job(job.folder).argv)
    assert holds_token(tmp_path) == []
