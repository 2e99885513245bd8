"""The part of a TRL script that reads turns with calls of functions, which no table holds whole.

    text = CALLS_ROWS.format(repeat="")

The script makes the tokens itself: TRL's own step keeps turns in a table, which gives the arguments
of each call the names of all.
"""

from __future__ import annotations

CALLS_ROWS = r'''def whole(value):
    """A turn without the nulls that a table adds, and arguments out of their JSON text."""
    if isinstance(value, list):
        return [whole(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {{k: v for k, v in value.items() if v is not None and k != "train"}}
    return {{k: json.loads(v) if k == "arguments" else whole(v) for k, v in kept.items()}}


def training_row(row, tokenizer):
    """Token ids of one row, and as labels those of its answers."""
    turns, functions = whole(row["messages"]), json.loads(row.get("tools") or "null")

    def tokens(turns, asked=False):
        text = tokenizer.apply_chat_template(
            turns, tools=functions, add_generation_prompt=asked, tokenize=False
        )
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    ids = tokens(turns)
    labels = [-100] * len(ids)
    answers = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
    for i in answers if TURNS == "all" else answers[-1:]:
        asked, said = tokens(turns[:i], asked=True), tokens(turns[: i + 1])
        start, end = len(commonprefix([asked, ids])), len(said)
        if said != ids[:end]:
            raise SystemExit("The template writes earlier turns anew: export with --turns last.")
        labels[start:end] = ids[start:end]
    return {{"input_ids": ids, "labels": labels}}


def training_rows(tokenizer):
    from datasets import load_dataset

    if tokenizer.chat_template is None:
        raise SystemExit("The rows call functions, for which this model has no chat template.")
    data = str(FOLDER / "trainers" / "messages.jsonl")
    dataset = load_dataset("json", data_files=data, split="train")
{repeat}    return dataset.map(
        training_row, fn_kwargs={{"tokenizer": tokenizer}}, remove_columns=dataset.column_names
    )'''
