"""Files that let three trainers read an export as it stands: LLaMA-Factory, axolotl and TRL.

All paths in them are relative, so the folder may be moved or uploaded.

    files = trainer_files(layout, data_file="data.jsonl", name="sums-top")
"""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.selection.layout import Layout, PairLayout, TextLayout

SFT_SCRIPT = '''\
"""Fine-tune a model on this selection with TRL.

    pip install trl
    python sft.py --model MODEL [--out DIR] [--max-steps N] [--learning-rate R] [--max-length N]

The loss counts the tokens of the last answer; everything before it is context. No row is cut unless
--max-length says so. Half precision (bfloat16) where a card has it, on a processor none.
"""

import argparse
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent


def training_row(row, chat):
    """One row as TRL reads it; `chat`: the tokenizer has a chat template."""
{body}


def training_rows(chat):
    from datasets import load_dataset

    dataset = load_dataset(str(FOLDER), split="train")
{repeat}    return dataset.map(
        training_row, fn_kwargs={{"chat": chat}}, remove_columns=dataset.column_names
    )


def say_lengths(dataset, max_length):
    lengths = [len(ids) for ids in dataset["input_ids"]]
    print(f"{{len(lengths)}} rows, the longest of {{max(lengths)}} tokens")
    if max_length:
        print(f"{{sum(n >= max_length for n in lengths)}} rows reach {{max_length}} and may be cut")


def main():
    import torch
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", default="sft-output")
    parser.add_argument("--max-length", type=int, help="cut rows to so many tokens; default: none")
    parser.add_argument("--max-steps", type=int, default=-1)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    trainer = SFTTrainer(
        model=options.model,
        args=SFTConfig(
            output_dir=options.out,
            max_length=options.max_length,
            max_steps=options.max_steps,
            learning_rate=options.learning_rate,
            bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            report_to="none",
        ),
        train_dataset=training_rows(chat=tokenizer.chat_template is not None),
        processing_class=tokenizer,
    )
    say_lengths(trainer.train_dataset, options.max_length)
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
'''

REPEAT_LINES = """\
    places = (i for i, n in enumerate(dataset["_repeat"]) for _ in range(n))
    dataset = dataset.select(list(places))
"""

PAIR_BODY = """\
    prompt, completion = row[{prompt}], row[{completion}] or ""
{extra}    if not chat:
        return {{"prompt": prompt + "\\n", "completion": completion}}
    return {{
        "prompt": [{{"role": "user", "content": prompt}}],
        "completion": [{{"role": "assistant", "content": completion}}],
    }}"""

EXTRA_LINES = """\
    if row[{extra}]:
        prompt += "\\n\\n" + row[{extra}]
"""

TURNS_BODY = """\
    roles = {{{user}: "user", {assistant}: "assistant"}}
    turns = [
        {{"role": roles.get(turn[{role}], turn[{role}]), "content": turn[{content}]}}
        for turn in row[{column}]
    ]
    while turns[-1]["role"] != "assistant":  # a question that nobody answered
        turns.pop()
    if chat:
        return {{"prompt": turns[:-1], "completion": turns[-1:]}}
    *before, last = [turn["content"] for turn in turns]
    return {{"prompt": "\\n".join(before) + "\\n", "completion": last}}"""

TEXT_BODY = """\
    return {{"text": row[{column}]}}"""


def trainer_files(
    layout: Layout, *, data_file: str, name: str, repeats: bool = False
) -> dict[str, str]:
    """File name -> content, for the folder `trainers/` beside the data file.

    With `repeats` the TRL script reads a row as often as its `_repeat` says.
    """
    return {
        "dataset_info.json": llama_factory_json(layout, data_file=data_file, name=name),
        "axolotl.yaml": axolotl_yaml(layout, data_file=data_file),
        "sft.py": trl_script(layout, repeats=repeats),
    }


def llama_factory_json(layout: Layout, *, data_file: str, name: str) -> str:
    """`dataset_info.json` for `--dataset_dir trainers`; file names are relative to it."""
    entry: dict[str, Any] = {"file_name": f"../{data_file}"}
    if isinstance(layout, PairLayout):
        columns = {"prompt": layout.prompt, "query": layout.extra, "response": layout.completion}
        entry["formatting"] = "alpaca"
        entry["columns"] = {key: column for key, column in columns.items() if column}
    elif isinstance(layout, TextLayout):
        # A lone prompt column is what LLaMA-Factory's pre-training stage reads.
        entry["formatting"] = "alpaca"
        entry["columns"] = {"prompt": layout.column}
    else:
        entry["formatting"] = "sharegpt"
        entry["columns"] = {"messages": layout.column}
        entry["tags"] = {
            "role_tag": layout.role,
            "content_tag": layout.content,
            "user_tag": layout.user,
            "assistant_tag": layout.assistant,
            "system_tag": "system",
        }
    return json.dumps({slug(name): entry}, indent=2) + "\n"


def axolotl_yaml(layout: Layout, *, data_file: str) -> str:
    """A `datasets:` block to paste into a configuration run from the folder `trainers`."""
    ds_type = "parquet" if data_file.endswith(".parquet") else "json"
    lines = [
        "# Paths are relative to this folder: run axolotl from here.",
        "datasets:",
        f"  - path: {json.dumps(f'../{data_file}')}",
        f"    ds_type: {ds_type}",
        *(f"    {line}" for line in _axolotl_type(layout)),
    ]
    return "\n".join(lines) + "\n"


def _axolotl_type(layout: Layout) -> list[str]:
    if isinstance(layout, TextLayout):
        return ["type: completion", f"field: {json.dumps(layout.column)}"]
    if isinstance(layout, PairLayout):
        extra = [f"  field_input: {json.dumps(layout.extra)}"] if layout.extra else []
        return [
            "# Without a chat template; for a chat model export with --format messages.",
            "type:",
            f"  field_instruction: {json.dumps(layout.prompt)}",
            *extra,
            f"  field_output: {json.dumps(layout.completion)}",
            '  format: "{instruction}\\n\\n{input}\\n"',
            '  no_input_format: "{instruction}\\n"',
        ]
    return [
        "type: chat_template",
        f"field_messages: {json.dumps(layout.column)}",
        "message_property_mappings:",
        f"  role: {json.dumps(layout.role)}",
        f"  content: {json.dumps(layout.content)}",
        "roles:",
        f"  user: [{json.dumps(layout.user)}]",
        f"  assistant: [{json.dumps(layout.assistant)}]",
        '  system: ["system"]',
    ]


def trl_script(layout: Layout, *, repeats: bool = False) -> str:
    """A script that trains on the folder it lies in with TRL's SFTTrainer."""
    return SFT_SCRIPT.format(body=_trl_body(layout), repeat=REPEAT_LINES if repeats else "")


def _trl_body(layout: Layout) -> str:
    if isinstance(layout, TextLayout):
        return TEXT_BODY.format(column=json.dumps(layout.column))
    if isinstance(layout, PairLayout):
        extra = EXTRA_LINES.format(extra=json.dumps(layout.extra)) if layout.extra else ""
        columns = {"prompt": layout.prompt, "completion": layout.completion}
        return PAIR_BODY.format(extra=extra, **{k: json.dumps(v) for k, v in columns.items()})
    return TURNS_BODY.format(**{key: json.dumps(v) for key, v in vars(layout).items()})


def slug(name: str) -> str:
    """`name` reduced to letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "selection"
