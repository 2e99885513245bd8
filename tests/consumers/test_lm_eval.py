"""lm-evaluation-harness reads a tuned folder and an amplified one, on a task in a local file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from tests.consumers.exports import chat_model
from tests.trial.made import write_tasks
from tests.tuning.exports import ROWS, write_export
from workbench.amplification import copy_checkpoint, write_rows
from workbench.stages import ModelSource, Place, run_tune
from workbench.tuning import TuneOptions

pytestmark = pytest.mark.consumers


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "model"
    chat_model(folder)
    return folder


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    export = write_export(tmp_path_factory.mktemp("export") / "subset")
    options = TuneOptions(max_steps=1, batch_size=4)
    place = Place(tmp_path_factory.mktemp("runs"))
    return run_tune(place, ModelSource(str(base), device="cpu"), export, options).run / "model"


@pytest.fixture(scope="module")
def amplified(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("amplified")
    copy_checkpoint(base, folder)
    name = "model.layers.0.self_attn.q_proj.weight"
    write_rows(folder, {name: (None, torch.ones(32, 32))})
    return folder


@pytest.mark.parametrize("kind", ["tuned", "amplified"])
def test_the_harness_reads_the_folder(kind, request, tmp_path):
    pytest.importorskip("lm_eval", reason="needs the extra `eval`")
    tasks = write_tasks(tmp_path / "tasks", [row["problem"] for row in ROWS])
    model = request.getfixturevalue(kind)
    words = ["--model", "hf", "--model_args", f"pretrained={model}", "--tasks", "parity"]
    words += ["--include_path", tasks, "--device", "cpu", "--output_path", "found"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment | offline,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (found,) = (tmp_path / "found").rglob("results_*.json")
    results = json.loads(found.read_text())
    assert 0 <= results["results"]["parity"]["acc,none"] <= 1
    assert results["n-samples"]["parity"]["effective"] == len(ROWS)
