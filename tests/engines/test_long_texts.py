"""Texts of thousands of tokens: memory grows with their length and not with its square.

Peaks are those of a process of its own, as the system counts them: what PyTorch allocates is seen
by no tool of Python's.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LENGTHS = (4096, 8192, 16_384)
MB = 2**20
# A single pattern of the longest text, in float32; all heads of a layer would hold four of them.
ONE_PATTERN = LENGTHS[-1] ** 2 * 4

SCRIPT = """
import json, resource, sys, tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from tests.support.checkpoints import COMMON, byte_tokenizer
from workbench.ablation import iter_importance, iter_screen, set_effects
from workbench.engines import FusedEngine
from workbench.models import load_model
from workbench.models.render import Rendered
from workbench.scoring import score_batch
from workbench.types import Head

longest = max(map(int, sys.argv[1:]))
sizes = {**COMMON, "num_hidden_layers": 2, "max_position_embeddings": longest}
with tempfile.TemporaryDirectory() as folder:
    torch.manual_seed(0)
    config = LlamaConfig(**sizes, num_key_value_heads=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    engine = FusedEngine(load_model(folder, device="cpu", check=False))
heads, batches = [Head(0, 1), Head(1, 2)], [[0]]
for n in map(int, sys.argv[1:]):
    ids = tuple(np.random.default_rng(n).integers(4, 260, n).tolist())
    rows = [Rendered(ids, np.ones(n, np.int8), is_text=True)]
    (found,) = iter_importance(engine, rows, batches=batches, heads=heads)
    assert np.isfinite(found.base_loss).all()
    (screened,) = iter_screen(engine, rows, batches=batches, part="all", heads=heads)
    assert np.isfinite(screened.deltas).sum() == 2
    set_effects(engine, rows, [(), heads], batches=batches)
    score_batch(engine, heads, rows, part="all")
    print(json.dumps([n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]), flush=True)
"""


def peaks(*lengths: int) -> list[int]:
    """Peak memory after the work on each length, all in one process, shortest first."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, lengths)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)[1] for line in done.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in other units elsewhere")
def test_importance_sets_and_scores_of_a_long_text_take_memory_as_its_length_grows():
    short, middle, long = peaks(*LENGTHS)
    assert long - middle < 2.5 * max(middle - short, 16 * MB)
    assert long - short < ONE_PATTERN / 2
