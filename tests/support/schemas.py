"""Rows with the column names of public datasets, what is read of each, and docs/data.md of it.

    python -m tests.support.schemas      # writes the table anew

The texts are made up. `right` is what must be read, worked out by hand from what the dataset's own
page says its columns are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data import Tally, read_samples
from workbench.types import Sample

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "data.md"
BEGIN, END = "<!-- schemas -->", "<!-- end of schemas -->"
THOUGHT = "<think>\n{}\n</think>\n\n{}"
ASK, SAY, CHECK = "What is 7 times 8?", "Seven eights are 56.", "56"
USER, GPT = {"role": "user", "content": ASK}, {"role": "assistant", "content": SAY}
CALL = {"type": "function", "function": {"name": "times", "arguments": '{"a": 7, "b": 8}'}}


@dataclass(frozen=True)
class Right:
    """What must be read: the turns, or the text alone; the checkable answer; what is said."""

    turns: tuple[tuple[str, str], ...] = (("user", ASK), ("assistant", SAY))
    text: str | None = None
    answer: str | None = None
    ambiguous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A row with the columns of a dataset."""

    dataset: str
    row: Mapping[str, Any]
    right: Right = field(default_factory=Right)


def _turns(*pairs: tuple[str, str]) -> Right:
    return Right(turns=pairs)


ASKED, SAID = ("user", ASK), ("assistant", SAY)
SYSTEM = ("system", "Be brief.")
SCHEMAS = (
    Schema(
        "GSM8K",
        {"question": ASK, "answer": f"{SAY}\n#### 56"},
        _turns(ASKED, ("assistant", f"{SAY}\n#### 56")),
    ),
    Schema("MATH", {"problem": ASK, "level": "Level 3", "type": "Prealgebra", "solution": SAY}),
    Schema(
        "MATH-500",
        {"problem": ASK, "solution": SAY, "answer": CHECK, "subject": "Algebra", "level": 3},
    ),
    Schema(
        "NuminaMath-CoT", {"source": "x", "problem": ASK, "solution": SAY, "messages": [USER, GPT]}
    ),
    Schema(
        "NuminaMath-1.5",
        {"problem": ASK, "solution": SAY, "answer": CHECK, "problem_is_valid": "Yes"},
    ),
    Schema("LIMO", {"question": ASK, "solution": SAY, "answer": CHECK}),
    Schema(
        "s1K",
        {"question": ASK, "solution": CHECK, "thinking_trajectories": ["8 by 7."], "attempt": SAY},
        Right(turns=(ASKED, ("assistant", THOUGHT.format("8 by 7.", SAY))), answer=CHECK),
    ),
    Schema(
        "s1K-1.1",
        {
            "question": ASK,
            "solution": CHECK,
            "gemini_thinking_trajectory": "7 by 8.",
            "gemini_attempt": "It is 56.",
            "deepseek_thinking_trajectory": "8 by 7.",
            "deepseek_attempt": SAY,
        },
        Right(turns=(ASKED, ("assistant", THOUGHT.format("8 by 7.", SAY))), answer=CHECK),
    ),
    Schema(
        "OpenMathInstruct-1",
        {
            "question": ASK,
            "expected_answer": CHECK,
            "predicted_answer": CHECK,
            "generated_solution": SAY,
            "is_correct": True,
        },
        Right(answer=CHECK),
    ),
    Schema(
        "OpenMathInstruct-2",
        {
            "problem": ASK,
            "generated_solution": SAY,
            "expected_answer": CHECK,
            "problem_source": "x",
        },
        Right(answer=CHECK),
    ),
    Schema(
        "OpenMathReasoning",
        {
            "expected_answer": CHECK,
            "problem_type": "x",
            "problem": ASK,
            "generated_solution": SAY,
            "inference_mode": "cot",
        },
        Right(answer=CHECK),
    ),
    Schema(
        "DeepMath-103K",
        {
            "question": ASK,
            "final_answer": CHECK,
            "difficulty": 3.0,
            "topic": "x",
            "r1_solution_1": SAY,
            "r1_solution_2": "It is 56.",
            "r1_solution_3": "56.",
        },
        Right(answer=CHECK),
    ),
    Schema(
        "OpenR1-Math-220k",
        {
            "problem": ASK,
            "solution": SAY,
            "answer": CHECK,
            "generations": [SAY, "It is 54."],
            "correctness_math_verify": [True, False],
            "messages": [USER, GPT],
        },
        Right(ambiguous=("generations",)),
    ),
    Schema("Big-Math", {"problem": ASK, "answer": CHECK, "domain": ["x"]}, _turns(ASKED)),
    Schema(
        "DAPO-Math-17k, verl",
        {
            "data_source": "x",
            "prompt": [USER],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": CHECK},
        },
        Right(turns=(ASKED,), answer=CHECK),
    ),
    Schema("MetaMathQA", {"query": ASK, "response": SAY, "type": "x", "original_question": "7*8?"}),
    Schema("MathInstruct", {"source": "x", "instruction": ASK, "output": SAY}),
    Schema(
        "alpaca",
        {"instruction": ASK, "input": "", "output": SAY, "text": f"Below ...\n{ASK}\n{SAY}"},
    ),
    Schema(
        "alpaca with system and history (LLaMA-Factory)",
        {
            "instruction": ASK,
            "input": "",
            "output": SAY,
            "system": "Be brief.",
            "history": [["2*2?", "4"]],
        },
        _turns(SYSTEM, ("user", "2*2?"), ("assistant", "4"), ASKED, SAID),
    ),
    Schema(
        "dolly-15k",
        {"instruction": ASK, "context": "Count.", "response": SAY, "category": "qa"},
        _turns(("user", f"{ASK}\nCount."), SAID),
    ),
    Schema("Magpie (instruction, response)", {"instruction": ASK, "response": SAY}),
    Schema(
        "OpenOrca",
        {"id": "a", "system_prompt": "Be brief.", "question": ASK, "response": SAY},
        _turns(SYSTEM, ASKED, SAID),
    ),
    Schema(
        "Llama-Nemotron-Post-Training",
        {
            "input": [USER],
            "output": SAY,
            "category": "math",
            "reasoning": "on",
            "system_prompt": "Be brief.",
        },
        _turns(SYSTEM, ASKED, SAID),
    ),
    Schema("AceReason-1.1-SFT (input, output)", {"category": "math", "input": ASK, "output": SAY}),
    Schema("UltraChat, Tulu 3", {"prompt": ASK, "prompt_id": "x", "messages": [USER, GPT]}),
    Schema(
        "Multilingual-Thinking",
        {
            "developer": "Be brief.",
            "user": ASK,
            "messages": [
                {"role": "developer", "content": "Be brief.", "thinking": None},
                {**USER, "thinking": None},
                {**GPT, "thinking": "8 by 7."},
            ],
        },
        _turns(SYSTEM, ASKED, ("assistant", THOUGHT.format("8 by 7.", SAY))),
    ),
    Schema(
        "OpenAI tool calls",
        {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": CHECK},
                GPT,
            ],
            "tools": [{"type": "function", "function": {"name": "times"}}],
        },
        _turns(ASKED, ("assistant", ""), ("tool", CHECK), SAID),
    ),
    Schema(
        "ShareGPT",
        {"conversations": [{"from": "human", "value": ASK}, {"from": "gpt", "value": SAY}]},
    ),
    Schema(
        "ShareGPT tool calls (LLaMA-Factory)",
        {
            "conversations": [
                {"from": "human", "value": ASK},
                {"from": "function_call", "value": json.dumps(CALL["function"])},
                {"from": "observation", "value": CHECK},
                {"from": "gpt", "value": SAY},
            ],
            "tools": "[]",
        },
        _turns(ASKED, ("assistant", ""), ("tool", CHECK), SAID),
    ),
    Schema(
        "OpenThoughts-114k, Bespoke-Stratos",
        {
            "system": "Be brief.",
            "conversations": [{"from": "user", "value": ASK}, {"from": "assistant", "value": SAY}],
        },
        _turns(SYSTEM, ASKED, SAID),
    ),
    Schema(
        "WildChat, LMSYS-Chat",
        {
            "conversation": [{**USER, "role": "User"}, {**GPT, "role": "bing"}],
            "language": "English",
        },
    ),
    Schema(
        "UltraFeedback, binarized", {"prompt": ASK, "chosen": [USER, GPT], "rejected": [USER, GPT]}
    ),
    Schema(
        "orca_dpo_pairs",
        {"system": "Be brief.", "question": ASK, "chosen": SAY, "rejected": "54."},
        _turns(SYSTEM, ASKED, SAID),
    ),
    Schema("TRL, conversational prompt and completion", {"prompt": [USER], "completion": [GPT]}),
    Schema(
        "content in parts",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": ASK}]},
                {"role": "assistant", "content": [{"type": "text", "text": SAY}]},
            ]
        },
    ),
    Schema(
        "cosmopedia-v2", {"prompt": ASK, "text": SAY, "token_length": 5}, Right(turns=(), text=SAY)
    ),
    Schema("FineWeb, C4", {"text": SAY, "url": "x"}, Right(turns=(), text=SAY)),
)


def read(schema: Schema, folder: Path) -> tuple[Sample, dict[str, Any]]:
    """The sample of a schema's row out of a file, and what is said of the reading."""
    path, tally = folder / "row.jsonl", Tally()
    path.write_text(json.dumps(schema.row), encoding="utf-8")
    (sample,) = read_samples([str(path)], tally=tally)
    assert isinstance(sample, Sample), sample
    return sample, tally.summary()


def table(folder: Path) -> str:
    """A line a schema: its columns, and which part each becomes."""
    lines = ["| dataset | columns | read as | shape |", "|---|---|---|---|"]
    for schema in SCHEMAS:
        sample, said = read(schema, folder)
        shape = said["shapes"][sample.shape]
        parts = [f"{part}: {' + '.join(columns)}" for part, columns in shape["columns"].items()]
        unread = [*shape["not_read"], *said["ambiguous"]]
        parts += [f"not read, and said: {', '.join(unread)}"] if unread else []
        columns = ", ".join(f"`{name}`" for name in schema.row)
        lines.append(f"| {schema.dataset} | {columns} | {'; '.join(parts)} | {sample.shape} |")
    return "\n".join(lines)


def in_document() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the table into the document."""
    import tempfile

    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    with tempfile.TemporaryDirectory() as folder:
        text = f"{before}{BEGIN}\n{table(Path(folder))}\n{END}{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
