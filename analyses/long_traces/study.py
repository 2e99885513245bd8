"""Traces of thousands of tokens through every command that runs a model.

    python -m analyses.long_traces.study                  # SmolLM2, ten traces of 8,000 tokens
    python -m analyses.long_traces.study --model M --tokens 16000 --n 2 --work DIR

Rows have the columns of OpenR1-Math: a problem of MATH, and a conversation whose answer thinks
before it speaks. The thoughts are worked problems of the same subject, one after the other, until
the row has its length. Running it again resumes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers import AutoTokenizer

from analyses.shared import Study, step_table, timed
from workbench.data import read_usable, write_jsonl
from workbench.models import find_model, transformers_source

MODEL = "smollm2-135m"
# What each method scores of a trace; circuitseer reads prompts alone unless it is told.
METHODS = {
    "circuitseer": "all",
    "attention-influence": "all",
    "air": "reasoning",
    "loss": "reasoning",
    "ifd": "completion",
    "naturalness": "reasoning",
    "aslec-drop": "completion",
    "aslec-casl": "completion",
    "length": "all",
    "random": "all",
}
BY_HEADS = ("circuitseer", "attention-influence", "air")
PHRASES = (
    "Wait, is there a problem of this kind that I know?",
    "Let me check that with another one.",
    "Hmm, that is not yet what is asked. Another way to see it:",
    "Alternatively, think of this one first.",
)


def traces(tokenizer: Any, n: int, n_tokens: int) -> Iterator[dict[str, Any]]:
    """`n` rows of about `n_tokens` tokens each, the same ones every time."""
    solved = [dict(sample.row) for sample in read_usable(["math"])]
    order = np.random.default_rng(0).permutation(len(solved)).tolist()
    # Four characters a token: a problem takes an eighth of its row at most.
    short = [i for i in order if len(solved[i]["problem"] + solved[i]["solution"]) < n_tokens / 2]
    for place in short[:n]:
        asked = solved[place]
        alike = [solved[i] for i in order if solved[i]["subject"] == asked["subject"]]
        thoughts = [f"I am asked: {asked['problem']}"]
        left = n_tokens - 2 * len(tokenizer.encode(asked["problem"] + asked["solution"]))
        for phrase, other in zip(cycle(PHRASES), alike, strict=False):
            thought = f"{phrase}\n\n{other['problem']}\n\n{other['solution']}"
            left -= len(tokenizer.encode(thought)) + 1
            if left < 0:
                break
            thoughts.append(thought)
        thoughts.append(f"So, for what is asked here: {asked['solution']}")
        said = "\n\n".join(thoughts)
        answer = f"<think>\n{said}\n</think>\n\n{asked['solution']}"
        yield {
            "problem": asked["problem"],
            "answer": asked["answer"],
            "messages": [
                {"role": "user", "content": asked["problem"]},
                {"role": "assistant", "content": answer},
            ],
        }


def commands(options: argparse.Namespace, data: str, work: Path) -> dict[str, list[str]]:
    """Find a circuit by a window of the loss, hold it against chance, score, choose, tune."""
    place, out = ["--runs", str(work / "runs")], str(work / "subset")
    on = ["--model", options.model, "--dtype", options.dtype, *place]
    find = ["--method", "screen", "--count", "last:256", "--data", data, "--n", "1"]
    check = ["--n", "1", "--random", "2", "--no-control", "--no-decode", "--curve-n", "0"]
    choose = ["--scores", "score-circuitseer", "--policy", "top", "--fraction", "0.2"]
    learn = ["--lora", "--max-steps", "1", "--batch-size", "1", "--gradient-checkpointing"]
    steps = {
        "heads find": ["heads", "find", *find, *on],
        "heads validate": [
            "heads",
            "validate",
            "--heads",
            "heads-screen",
            "--data",
            data,
            *check,
            *on,
        ],
    }
    for method, part in METHODS.items():
        heads = ["--heads", "heads-screen"] if method in BY_HEADS else []
        scored = ["score", "--method", method, "--part", part, "--data", data]
        steps[f"score {method}"] = [*scored, *heads, *on]
    return steps | {
        "select": ["select", *choose, *place],
        "export": ["export", "--selection", "select-top", "--out", out, *place],
        "tune": ["tune", "--export", out, *learn, *on],
    }


def lengths_and_states(work: Path) -> str:
    """How long the rows were and how each method's scores ended, in one sentence."""
    scored = [pd.read_parquet(path) for path in sorted(work.glob("runs/score-*/scores.parquet"))]
    lengths = scored[0]["n_tokens"]
    states = pd.concat([frame["status"] for frame in scored]).value_counts()
    counts = ", ".join(f"{n} {state}" for state, n in states.items())
    return (
        f"{len(lengths)} rows of {lengths.min():,} to {lengths.max():,} tokens; "
        f"scores of {len(scored)} methods: {counts}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    study.asked(options)
    data = study.work / "traces.jsonl"
    folder, option = transformers_source(find_model(options.model)[0])
    tokenizer = AutoTokenizer.from_pretrained(folder, **option)
    write_jsonl(data, traces(tokenizer, options.n, options.tokens))
    kept = study.work / "steps.json"
    steps = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name, command in commands(options, str(data), study.work).items():
        if name not in steps:
            steps[name] = timed(command)
            kept.write_text(json.dumps(steps, indent=1), encoding="utf-8")
    text = f"{options.model}, {options.dtype}: {lengths_and_states(study.work)}"
    study.report(
        {"model": options.model, "dtype": options.dtype, "tokens": options.tokens, "steps": steps},
        f"{text}\n\n{step_table(steps)}",
        name="steps",
    )


if __name__ == "__main__":
    main()
