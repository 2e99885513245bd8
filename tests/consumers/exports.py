"""Rows of every kind in every format, exported, and what the workbench scored of each.

folders = write_exports(tmp_path, "last")
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from tests.support.checkpoints import COMMON, byte_tokenizer
from workbench.data import FORMATS, to_sample
from workbench.errors import InputError
from workbench.selection import export_selection
from workbench.types import Sample

CHATML = (
    "{% if tools %}{{ '<|im_start|>system\n' + (tools | tojson) + '<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}"
    "{% for call in m.tool_calls or [] %}"
    "{{ '<call>' + (call.function | tojson) + '</call>' }}"
    "{% endfor %}{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
END = "<|im_end|>"
ADD = {"name": "add", "arguments": {"a": 1}}
CALL = {"type": "function", "function": ADD}
FUNCTIONS = [{"type": "function", "function": {"name": "add", "parameters": {"a": {}}}}]
KINDS = {
    "plain": [{"question": f"What is {i} + 1?", "answer": f"It is {i + 1}."} for i in range(3)],
    "several turns": [
        {
            "messages": [
                {"role": "user", "content": "What is 1 + 1?"},
                {"role": "assistant", "content": "2"},
                {"role": "user", "content": f"And {i} + 2?"},
                {"role": "assistant", "content": f"That is {i + 2}."},
            ]
        }
        for i in range(3)
    ],
    "system": [
        {"system_prompt": "Be brief." if i else "", "question": f"{i} + 1?", "response": "Yes."}
        for i in range(3)
    ],
    "input": [
        {"instruction": "Add.", "input": f"{i} and 1" if i else "", "output": f"{i + 1}"}
        for i in range(3)
    ],
    "think": [
        {"question": f"{i} + 1?", "answer": f"<think>\nOne more.\n</think>\n\nIt is {i + 1}."}
        for i in range(3)
    ],
    "tool calls": [
        {
            "messages": [
                {"role": "user", "content": f"{i} + 1?"},
                {"role": "assistant", "content": "Wait." if i else "", "tool_calls": [CALL]},
                {"role": "tool", "content": "2"},
                {"role": "assistant", "content": "It is 2."},
            ],
            **({"tools": FUNCTIONS} if i else {}),
        }
        for i in range(3)
    ],
    "tool calls of ShareGPT": [
        {
            "conversations": [
                {"from": "human", "value": f"{i} + 1?"},
                {"from": "function_call", "value": json.dumps(ADD | {"arguments": {"abc"[i]: 1}})},
                {"from": "observation", "value": "2"},
                {"from": "gpt", "value": "It is 2."},
            ],
            "tools": json.dumps([FUNCTIONS[0]["function"]]),
        }
        for i in range(3)
    ],
}


@dataclass(frozen=True)
class Written:
    """An export and its samples; `folder` None where it is refused, with the reason."""

    kind: str
    format: str
    samples: tuple[Sample, ...]
    folder: Path | None
    reason: str = ""


def chat_model(folder: Path, *, chat: bool = True) -> PreTrainedTokenizerFast:
    """A tiny model whose tokenizer has the ChatML template, and that tokenizer."""
    tokenizer = byte_tokenizer(chat=False)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.add_special_tokens({"eos_token": END})
    tokenizer.chat_template = CHATML if chat else None
    config = LlamaConfig(**{**COMMON, "vocab_size": len(tokenizer)}, num_key_value_heads=2)
    config.eos_token_id = tokenizer.eos_token_id
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_exports(place: Path, turns: str, *, template: str = "chat") -> list[Written]:
    """One export for each kind of row and format."""
    return [_written(place, kind, fmt, turns, template) for kind in KINDS for fmt in FORMATS]


def _written(place: Path, kind: str, fmt: str, turns: str, template: str) -> Written:
    rows = [{"id": f"{kind}-{i}", **row} for i, row in enumerate(KINDS[kind])]
    samples = tuple(to_sample(row, i, "rows.jsonl") for i, row in enumerate(rows))
    marks = {"score": [1.0] * len(rows), "p": [1.0] * len(rows), "rank": range(1, len(rows) + 1)}
    selection = pd.DataFrame({"row_id": [sample.row_id for sample in samples], **marks})
    out = place / f"{kind}-{fmt}-{turns}".replace(" ", "-")
    try:
        export_selection(
            iter(samples),
            selection,
            out,
            format=fmt,
            turns=turns,
            provenance={"template": template, "method": "loss"},
            name="rows",
        )
    except InputError as err:
        return Written(kind, fmt, samples, None, str(err))
    has_files = (out / "trainers").is_dir()
    return Written(kind, fmt, samples, out if has_files else None, "no files for trainers")
