"""Every answer learned by the TRL script, with templates of real models that TRL knows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.consumers.exports import chat_model
from tests.selection.test_trainers import DATA_FILE, ROWS
from workbench.selection.layout import row_layout
from workbench.selection.trl_script import trl_script

TURNS = [
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "And 2 more?"},
    {"role": "assistant", "content": "4"},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qwen2_5", ""),
        # In training TRL writes an empty think block into the first answer, which was not scored.
        ("qwen3", "TRL's template writes earlier turns anew: export with --turns last."),
    ],
)
def test_all_answers_are_learned_as_they_were_scored_or_the_script_stops(tmp_path, name, message):
    trl = pytest.importorskip("trl", reason="needs the extra 'train'")
    model, script = tmp_path / "model", tmp_path / "export/trainers/sft.py"
    tokenizer = chat_model(model)
    template = Path(trl.__file__).parent / f"chat_templates/{name}.jinja"
    tokenizer.chat_template = template.read_text()
    tokenizer.save_pretrained(model)
    script.parent.mkdir(parents=True)
    (tmp_path / "export" / DATA_FILE).write_text(json.dumps({"messages": TURNS}) + "\n")
    script.write_text(trl_script(row_layout(ROWS["messages"], "messages"), turns="all"))
    options = ["--max-steps", "1", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, str(script), "--model", str(model), *options],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_DATASETS_CACHE": str(tmp_path / "cache"), "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == bool(message), done.stderr
    assert message in done.stderr
    assert (tmp_path / "out/model.safetensors").is_file() != bool(message)
