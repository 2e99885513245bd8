"""Files that let three trainers read an export as it stands: LLaMA-Factory, axolotl and TRL.

All paths in them are relative, so the folder may be moved or uploaded. All three learn the same
turns: the last answer, which is what was scored, or every answer. Rows that call functions are for
the latter two alone: LLaMA-Factory writes calls by templates of its own, not as they were scored.

    files = trainer_files(layout, data_file="data.jsonl", name="sums-top")
"""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.selection.layout import CallsLayout, Layout, PairLayout, TextLayout, TurnsLayout
from workbench.selection.spoken import MESSAGES, TRAIN
from workbench.selection.trl_script import trl_script


def trainer_files(
    layout: Layout,
    *,
    data_file: str,
    name: str,
    repeats: bool = False,
    turns: str = "last",
    messages: bool = False,
) -> dict[str, str]:
    """File name -> content, for the folder `trainers/` beside the data file.

    With `repeats` the TRL script reads a row as often as its `_repeat` says; `messages`: axolotl is
    to read the turns in `trainers/messages.jsonl`.
    """
    texts = {
        "axolotl.yaml": axolotl_yaml(
            layout, data_file=MESSAGES if messages else f"../{data_file}", turns=turns
        ),
        "sft.py": trl_script(layout, repeats=repeats, turns=turns),
    }
    if isinstance(layout, CallsLayout):
        return texts
    return texts | {
        "dataset_info.json": llama_factory_json(layout, data_file=data_file, name=name),
        "llamafactory.yaml": llama_factory_yaml(layout, name=name, turns=turns),
    }


def is_misread(layout: Layout, *, is_chat: bool, several: bool) -> bool:
    """Whether axolotl would not read rows of this layout as they were scored.

    It renders pairs without a chat template, learns every answer of a conversation unless each says
    otherwise (`several`: that is not wanted), and looks for a system prompt in `system` only.
    """
    if isinstance(layout, CallsLayout):
        return True
    if isinstance(layout, PairLayout):
        return is_chat or layout.history is not None
    is_turns = isinstance(layout, TurnsLayout)
    return is_turns and (several or layout.system not in (None, "system"))


def llama_factory_json(
    layout: PairLayout | TurnsLayout | TextLayout, *, data_file: str, name: str
) -> str:
    """`dataset_info.json` for `--dataset_dir trainers`; file names are relative to it."""
    entry: dict[str, Any] = {"file_name": f"../{data_file}"}
    if isinstance(layout, PairLayout):
        columns = {
            "prompt": layout.prompt,
            "query": layout.extra,
            "response": layout.completion,
            "system": layout.system,
            "history": layout.history,
        }
        entry["formatting"] = "alpaca"
        entry["columns"] = {key: column for key, column in columns.items() if column}
    elif isinstance(layout, TextLayout):
        # A lone prompt column is what LLaMA-Factory's pre-training stage reads.
        entry["formatting"] = "alpaca"
        entry["columns"] = {"prompt": layout.column}
    else:
        entry["formatting"] = "sharegpt"
        entry["columns"] = {"messages": layout.column}
        if layout.system:
            entry["columns"]["system"] = layout.system
        entry["tags"] = {
            "role_tag": layout.role,
            "content_tag": layout.content,
            "user_tag": layout.user,
            "assistant_tag": layout.assistant,
            "system_tag": "system",
        }
    return json.dumps({slug(name): entry}, indent=2) + "\n"


def llama_factory_yaml(layout: Layout, *, name: str, turns: str) -> str:
    """What `llamafactory-cli train` is to be told of the data; the model is to be added."""
    is_text = isinstance(layout, TextLayout)
    lines = [
        "# Run from this folder; add model_name_or_path and output_dir.",
        f"stage: {'pt' if is_text else 'sft'}",
        f"dataset: {slug(name)}",
        "dataset_dir: .",
        "# The default cuts rows at 2048 tokens.",
        "cutoff_len: 131072",
    ]
    if not is_text:
        lines += [
            "# Without `template` a chat model's own is taken, as the rows were scored; add one",
            "# where there is none (`empty`), or where the own drops reasoning (`deepseekr1`).",
        ]
        lines += [f"# Learned: {turns} answer(s).", f"mask_history: {json.dumps(turns == 'last')}"]
    return "\n".join(lines) + "\n"


def axolotl_yaml(layout: Layout, *, data_file: str, turns: str = "last") -> str:
    """A `datasets:` block to paste into a configuration run from the folder `trainers`."""
    ds_type = "parquet" if data_file.endswith(".parquet") else "json"
    has_calls = isinstance(layout, CallsLayout)
    is_told = data_file == MESSAGES
    of_rows = _turns_type(turns, has_calls) if is_told else _axolotl_type(layout)
    lines = [
        "# Paths are relative to this folder: run axolotl from here.",
        "datasets:",
        f"  - path: {json.dumps(data_file)}",
        f"    ds_type: {ds_type}",
        *(f"    {line}" for line in of_rows),
    ]
    return "\n".join(lines) + "\n"


def _turns_type(turns: str, has_calls: bool) -> list[str]:
    of_one = [f"message_field_training: {TRAIN}"] if turns == "last" else []
    # Fields that are not named are read from templates whose loop is over `message` alone.
    fields = ("role", "content", "tool_calls", "tool_call_id", "name") if has_calls else ()
    named = ["message_property_mappings:", *(f"  {field}: {field}" for field in fields)]
    return ["type: chat_template", "field_messages: messages", *of_one, *(named if fields else [])]


def _axolotl_type(layout: Layout) -> list[str]:
    if isinstance(layout, CallsLayout):
        raise ValueError("calls of functions are read from messages.jsonl alone")
    if isinstance(layout, TextLayout):
        return ["type: completion", f"field: {json.dumps(layout.column)}"]
    if isinstance(layout, PairLayout):
        extra = [f"  field_input: {json.dumps(layout.extra)}"] if layout.extra else []
        system = [f"  field_system: {json.dumps(layout.system)}"] if layout.system else []
        return [
            "# Without a chat template, as the rows were scored.",
            "type:",
            f"  field_instruction: {json.dumps(layout.prompt)}",
            *extra,
            *system,
            f"  field_output: {json.dumps(layout.completion)}",
            '  format: "{instruction}\\n{input}\\n"',
            '  no_input_format: "{instruction}\\n"',
            '  system_format: "{system}\\n"',
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


def slug(name: str) -> str:
    """`name` reduced to letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "selection"
