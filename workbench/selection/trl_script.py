"""The TRL script of an export: rows as turns, the loss on the last answer or on all of them.

    text = trl_script(PairLayout("question", "answer"))

What it makes of a row is what was scored (docs/data.md, Trainers).
"""

from __future__ import annotations

import json

from workbench.selection.layout import CallsLayout, Layout, PairLayout, TextLayout, TurnsLayout
from workbench.selection.trl_calls import CALLS_ROWS

SCRIPT = r'''"""Fine-tune a model on this selection with TRL.

    pip install trl
    python sft.py --model MODEL [--out DIR] [--max-steps N] [--learning-rate R] [--max-length N]

The loss counts the tokens of {learned}. No row is cut unless
--max-length says so. Half precision (bfloat16) where a card has it, on a processor none.
"""

import argparse
{imports}import re
{paths}from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
TURNS = "{which}"
# The sentence of a chat template that drops the reasoning of an answer, which is to be learned.
DROPPED = (
    r"\{{%-?\s*if '</think>' in (\w+)\s*-?%\}}\s*"
    r"\{{%-?\s*set \1 = \1\.split\('</think>'\)\[-1\][^%]*%\}}\s*\{{%-?\s*endif\s*-?%\}}"
)


{rows}


def say_lengths(dataset, max_length):
    lengths = [len(ids) for ids in dataset["input_ids"]]
    print(f"{{len(lengths)}} rows, the longest of {{max(lengths)}} tokens")
    if max_length:
        print(f"{{sum(n >= max_length for n in lengths)}} rows reach {{max_length}} and may be cut")


def stop_where_written_anew(rows, read, tokenizer, template):
    """To learn all answers TRL takes a template of its own, which may add to earlier ones."""
    for row, made in zip(rows, read):
        scored = tokenizer.apply_chat_template(
            row["messages"], chat_template=template, return_dict=False
        )
        if scored[: len(made["input_ids"])] != made["input_ids"]:
            raise SystemExit("TRL's template writes earlier turns anew: export with --turns last.")


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
    own = tokenizer.chat_template
    if isinstance(own, str):
        tokenizer.chat_template = re.sub(DROPPED, "", own)
    template, rows = tokenizer.chat_template, training_rows(tokenizer)
    trainer = SFTTrainer(
        model=options.model,
        args=SFTConfig(
            output_dir=options.out,
            max_length=options.max_length,
            max_steps=options.max_steps,
            learning_rate=options.learning_rate,
            bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            assistant_only_loss={masked},
            report_to="none",
        ),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    if trainer.args.assistant_only_loss:
        stop_where_written_anew(rows, trainer.train_dataset, tokenizer, template)
    say_lengths(trainer.train_dataset, options.max_length)
    trainer.train()
    tokenizer.chat_template = own
    trainer.save_model()


if __name__ == "__main__":
    main()
'''

ROWS = r'''def training_row(row, chat):
    """One row as TRL reads it; `chat`: the tokenizer has a chat template."""
{body}


def training_rows(tokenizer):
    from datasets import load_dataset

    chat = tokenizer.chat_template is not None
    dataset = load_dataset(str(FOLDER), split="train")
{repeat}    return dataset.map(
        training_row, fn_kwargs={{"chat": chat}}, remove_columns=dataset.column_names
    )'''

LEARNED = {
    "last": "the last answer; everything before it is context",
    "all": "every answer (without a chat template, of the last)",
}

REPEAT_LINES = """\
    places = (i for i, n in enumerate(dataset["_repeat"]) for _ in range(n))
    dataset = dataset.select(list(places))
"""

PAIR_LINES = """\
    prompt = row[{prompt}]
{extra}    turns = [
        {{"role": "user", "content": prompt}},
        {{"role": "assistant", "content": row[{completion}] or ""}},
    ]
"""

EXTRA_LINES = """\
    if row[{extra}]:
        prompt += "\\n" + row[{extra}]
"""

HISTORY_LINES = """\
    for asked, said in reversed(row[{history}] or []):
        turns = [
            {{"role": "user", "content": asked}},
            {{"role": "assistant", "content": said}},
            *turns,
        ]
"""

TURNS_LINES = """\
    roles = {{{user}: "user", {assistant}: "assistant"}}
    turns = [
        {{"role": roles.get(turn[{role}], turn[{role}]), "content": turn[{content}]}}
        for turn in row[{column}]
    ]
    while turns[-1]["role"] != "assistant":  # a question that nobody answered
        turns.pop()
"""

SYSTEM_LINES = """\
    if row[{system}] and turns[0]["role"] != "system":
        turns.insert(0, {{"role": "system", "content": row[{system}]}})
"""

END_LINES = """\
    if chat and TURNS == "all":
        return {"messages": turns}
    if chat:
        return {"prompt": turns[:-1], "completion": turns[-1:]}
    *before, last = [turn["content"] for turn in turns]
    return {"prompt": "\\n".join(before) + "\\n", "completion": last}"""

TEXT_BODY = """\
    return {{"text": row[{column}]}}"""


def trl_script(layout: Layout, *, repeats: bool = False, turns: str = "last") -> str:
    """A script that trains on the folder above it with TRL's SFTTrainer."""
    repeat = REPEAT_LINES if repeats else ""
    words = {"which": turns, "masked": "False", "imports": "", "paths": ""}
    if isinstance(layout, CallsLayout):
        rows = CALLS_ROWS.format(repeat=repeat)
        words |= {"imports": "import json\n", "paths": "from os.path import commonprefix\n"}
        return SCRIPT.format(rows=rows, learned=LEARNED[turns], **words)
    if isinstance(layout, TextLayout):
        body = TEXT_BODY.format(column=json.dumps(layout.column))
        return SCRIPT.format(
            rows=ROWS.format(body=body, repeat=repeat), learned="the text", **words
        )
    words["masked"] = 'own is not None and TURNS == "all"'
    rows = ROWS.format(body=_body(layout), repeat=repeat)
    return SCRIPT.format(rows=rows, learned=LEARNED[turns], **words)


def _body(layout: PairLayout | TurnsLayout) -> str:
    names = {name: json.dumps(column) for name, column in vars(layout).items() if column}
    if isinstance(layout, TurnsLayout):
        lines = TURNS_LINES.format(**names)
    else:
        extra = EXTRA_LINES.format(**names) if layout.extra else ""
        lines = PAIR_LINES.format(**names | {"extra": extra})
        lines += HISTORY_LINES.format(**names) if layout.history else ""
    return lines + (SYSTEM_LINES.format(**names) if layout.system else "") + END_LINES
