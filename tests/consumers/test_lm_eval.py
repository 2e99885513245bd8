"""lm-evaluation-harness reads a tuned folder and an amplified one, on a task in a local file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
import yaml

from tests.consumers.exports import chat_model
from tests.tuning.exports import ROWS, write_export
from workbench.amplification import copy_checkpoint, write_rows
from workbench.stages import ModelSource, Place, run_tune
from workbench.tuning import TuneOptions

pytestmark = pytest.mark.consumers
TASK = {
    "task": "sums",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{problem}}\n",
    "doc_to_choice": ["even", "odd"],
    "doc_to_target": 0,
    "metric_list": [{"metric": "acc"}],
}


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
    rows = tmp_path / "sums.jsonl"
    rows.write_text("\n".join(json.dumps({"problem": row["problem"]}) for row in ROWS))
    task = TASK | {"dataset_kwargs": {"data_files": {"test": str(rows)}}}
    (tmp_path / "sums.yaml").write_text(yaml.safe_dump(task))
    model = request.getfixturevalue(kind)
    words = ["--model", "hf", "--model_args", f"pretrained={model}", "--tasks", "sums"]
    words += ["--include_path", str(tmp_path), "--device", "cpu", "--output_path", "found"]
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
    assert 0 <= results["results"]["sums"]["acc,none"] <= 1
    assert results["n-samples"]["sums"]["effective"] == len(ROWS)
