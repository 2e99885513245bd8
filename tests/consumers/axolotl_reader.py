"""What axolotl makes of exports: `python axolotl_reader.py MODEL EXPORT...`."""

import json
import os
import sys
from pathlib import Path

import yaml
from axolotl.prompt_strategies import load
from axolotl.utils.dict import DictDefault
from datasets import load_dataset
from transformers import AutoTokenizer


def read(model, folder):
    os.chdir(Path(folder) / "trainers")
    (block,) = yaml.safe_load(Path("axolotl.yaml").read_text())["datasets"]
    tokenizer = AutoTokenizer.from_pretrained(model)
    settings = DictDefault({"train_on_inputs": False, "sequence_len": 4096, "datasets": [block]})
    kind = block["type"]
    if isinstance(kind, dict):
        strategy = load("user_defined", tokenizer, settings, DictDefault(kind))
    else:
        strategy = load(kind, tokenizer, settings, DictDefault(block))
    rows = load_dataset(block["ds_type"], data_files=block["path"], split="train")
    found = [strategy.tokenize_prompt(row) for row in rows]
    return [[row["input_ids"], row["labels"]] for row in found]


if __name__ == "__main__":
    model, *folders = sys.argv[1:]
    print("\n" + json.dumps({folder: read(model, folder) for folder in folders}))
