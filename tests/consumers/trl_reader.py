"""What TRL makes of exports: `python trl_reader.py MODEL EXPORT...` prints token ids and labels.

Each export's own `sft.py` makes the rows, and SFTTrainer the tokens.
"""

import json
import runpy
import sys
from pathlib import Path

from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer


def read(model, folder):
    script = runpy.run_path(str(Path(folder) / "trainers" / "sft.py"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    chat = tokenizer.chat_template is not None
    arguments = SFTConfig(
        output_dir="unused",
        max_length=None,
        assistant_only_loss=chat and script["TURNS"] == "all" and "whole" not in script,
        report_to="none",
        use_cpu=True,
    )
    rows = script["training_rows"](tokenizer)
    found = SFTTrainer(model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    return [[row["input_ids"], row["labels"]] for row in found.train_dataset]


if __name__ == "__main__":
    model, *folders = sys.argv[1:]
    print("\n" + json.dumps({folder: read(model, folder) for folder in folders}))
