"""What LLaMA-Factory makes of exports: `python llama_factory_reader.py MODEL EXPORT...`.

The data settings are those of each export's `llamafactory.yaml`; the template is the tokenizer's.
"""

import json
import os
import sys
from pathlib import Path

import yaml
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import AutoTokenizer, Seq2SeqTrainingArguments


def read(model, folder):
    os.chdir(Path(folder) / "trainers")
    settings = yaml.safe_load(Path("llamafactory.yaml").read_text())
    stage = settings.pop("stage")
    tokenizer = AutoTokenizer.from_pretrained(model)
    data = DataArguments(**settings)
    template = get_template_and_fix_tokenizer(tokenizer, data)
    found = get_dataset(
        template,
        ModelArguments(model_name_or_path=model),
        data,
        Seq2SeqTrainingArguments(output_dir="unused", use_cpu=True, report_to="none"),
        stage=stage,
        tokenizer=tokenizer,
    )
    return [[row["input_ids"], row["labels"]] for row in found["train_dataset"]]


if __name__ == "__main__":
    model, *folders = sys.argv[1:]
    print("\n" + json.dumps({folder: read(model, folder) for folder in folders}))
