"""The shapes a row of data comes in: which columns hold the prompt, the completion and the rest.

    shape = detect_shape({"question": "1 + 1?", "solution": "It is 2.", "answer": "2"})
    shape.name, shape.completion      # "question-solution", "solution"

To read another shape is one more line in `TABLE`. The first line whose columns are all filled
counts, so the most telling ones come first; what a shape does not say of a column of content is
not read, and is said (`workbench.data.tally`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions

EMPTY = (None, "", [])
NAMED_COLUMNS = "columns"
"""The name of a shape whose columns were named."""
MOST_KNOWN = 4096


@dataclass(frozen=True)
class Shape:
    """The columns of a shape; `needs` must be filled, the others may be.

    `turns` lists turns; else `prompt` columns are joined by newlines (the first may list turns),
    after `system` (the first column filled) and the pairs of `history`. `reasoning` goes into a
    think block before the completion, of `generations` one or several are the completion. `answer`
    is checked against and not read; `beside` are columns of content that are knowingly not read, as
    are all others where what is to be read `is_named`.
    """

    name: str
    needs: tuple[str, ...]
    prompt: tuple[str, ...] = ()
    completion: str = ""
    turns: str = ""
    text: str = ""
    system: tuple[str, ...] = ()
    history: str = ""
    reasoning: str = ""
    generations: tuple[str, ...] = ()
    answer: str = ""
    beside: tuple[str, ...] = ()
    is_named: bool = False

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Part of the sample to the columns it is read from."""
        parts = {
            "system": self.system,
            "history": (self.history,),
            "turns": (self.turns,),
            "prompt": self.prompt,
            "reasoning": (self.reasoning,),
            "completion": (self.completion, *self.generations),
            "text": (self.text,),
            "answer": (self.answer,),
            "tools": ("tools",) if self.turns else (),
        }
        filled = {part: tuple(filter(None, columns)) for part, columns in parts.items()}
        return {part: columns for part, columns in filled.items() if columns}


def _pair(prompt: str, completion: str, *more: str, **facts: Any) -> Shape:
    """One column of the prompt, perhaps `more` below it, and one of the completion."""
    name = facts.pop("name", f"{prompt}-{completion}")
    return Shape(name, (prompt, completion), (prompt, *more), completion, **facts)


SYSTEMS = ("system", "system_prompt")
R1_SOLUTIONS = tuple(f"r1_solution_{i}" for i in range(1, 4))
GEMINI = ("gemini_thinking_trajectory", "gemini_attempt")

GENERATED = (
    Shape(
        "generations",
        ("problem", "generations"),
        ("problem",),
        generations=("generations",),
        answer="answer",
        beside=("solution", "messages"),
    ),
    Shape(
        "deepmath",
        ("question", "r1_solution_1"),
        ("question",),
        generations=R1_SOLUTIONS,
        answer="final_answer",
    ),
)
"""Shapes of several generations a row."""

PLAIN = (
    Shape(
        "alpaca",
        ("instruction", "output"),
        ("instruction", "input"),
        "output",
        system=SYSTEMS,
        history="history",
    ),
    _pair("prompt", "completion", system=SYSTEMS, history="history"),
    Shape("prompt-text", ("prompt", "text"), text="text", beside=("prompt",)),
    _pair("problem", "solution", system=SYSTEMS, answer="answer"),
    _pair("question", "answer", system=SYSTEMS),
)
ALPACA, *OTHER, QUESTION_ANSWER = PLAIN
TABLE = (
    Shape("messages", ("messages",), turns="messages", system=SYSTEMS),
    Shape("sharegpt", ("conversations",), turns="conversations", system=SYSTEMS),
    Shape("conversation", ("conversation",), turns="conversation", system=SYSTEMS),
    _pair("prompt", "chosen", system=SYSTEMS, beside=("rejected",)),
    _pair("question", "chosen", system=SYSTEMS, beside=("rejected",)),
    Shape("chosen", ("chosen", "rejected"), turns="chosen", beside=("rejected",)),
    Shape(
        "s1k-1.1",
        ("question", "deepseek_thinking_trajectory", "deepseek_attempt"),
        ("question",),
        "deepseek_attempt",
        reasoning="deepseek_thinking_trajectory",
        answer="solution",
        beside=GEMINI,
    ),
    Shape(
        "s1k",
        ("question", "thinking_trajectories", "attempt"),
        ("question",),
        "attempt",
        reasoning="thinking_trajectories",
        answer="solution",
    ),
    *GENERATED,
    _pair("problem", "generated_solution", answer="expected_answer"),
    _pair("question", "generated_solution", answer="expected_answer"),
    ALPACA,
    _pair("instruction", "response", "context", "input", system=SYSTEMS),
    _pair("query", "response", beside=("original_question",), system=SYSTEMS),
    _pair("question", "response", system=SYSTEMS),
    _pair("prompt", "response", system=SYSTEMS),
    *OTHER,
    _pair("question", "solution", answer="answer", system=SYSTEMS),
    QUESTION_ANSWER,
    _pair("input", "output", system=SYSTEMS, beside=("reasoning",)),
    *(
        dataclasses.replace(shape, needs=shape.prompt[:1])
        for shape in PLAIN
        if shape.prompt and not shape.text
    ),
    Shape("query-response", ("query",), ("query",), "response"),
    Shape("text", ("text",), text="text"),
)
"""All shapes, the most telling first; a lone prompt counts only if no pair is there."""

NAMED = {shape.name: shape for shape in reversed(TABLE)}
SHAPES = tuple(dict.fromkeys(shape.name for shape in TABLE))
TURNED = "-turns"
"""Behind the name of a shape whose prompt column lists turns."""

CONTENT = frozenset(
    {
        *(c for shape in TABLE for part in shape.parts.values() for c in part if c != "tools"),
        *(c for shape in TABLE for c in shape.beside),
        *("reasoning", "reasoning_content", "thinking", "rationale", "explanation"),
        *("cot", "chain_of_thought", "thought", "thoughts", "reasoning_trace", "trace", "analysis"),
        *("responses", "completions", "solutions", "cot_solution", "reference_solution"),
    }
) - {"answer", "expected_answer", "final_answer", "original_question"}
"""Columns that are known to hold text to learn from; answers are short and only checked."""


class Shapes:
    """Which shape a row has, as `how` says; the same columns are looked up once."""

    def __init__(self, how: ReadOptions = RECOGNISED) -> None:
        check_shape(how.shape)
        self.how = how
        self._known: dict[tuple[str, ...], Shape | None] = {}

    def of(self, row: Mapping[str, Any]) -> Shape | None:
        """The shape of `row`; columns that hold something count before columns that are empty."""
        filled = tuple([name for name, value in row.items() if value not in EMPTY])
        return self._of(filled) or self._of(tuple(row))

    def _of(self, columns: tuple[str, ...]) -> Shape | None:
        if columns not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[columns] = _recognised(columns, self.how)
        return self._known[columns]


def detect_shape(row: Mapping[str, Any]) -> Shape | None:
    """The shape of one row."""
    return Shapes().of(row)


def _recognised(columns: tuple[str, ...], how: ReadOptions) -> Shape | None:
    """The shape of rows with these columns, as far as columns were not named."""
    if how.text_column is not None:
        return Shape(NAMED_COLUMNS, (how.text_column,), text=how.text_column, is_named=True)
    table = (*GENERATED, *TABLE) if how.generation is not None else TABLE
    names = frozenset(columns)
    found = next((shape for shape in table if names.issuperset(shape.needs)), None)
    return _with_columns(found if how.shape is None else NAMED[_own_name(how.shape)], how)


def _with_columns(shape: Shape | None, how: ReadOptions) -> Shape | None:
    """The shape with the columns that were named instead of its own."""
    named = (how.prompt_column, how.completion_column, how.system_column)
    if named == (None, None, None):
        return shape
    if how.prompt_column is not None and (shape is None or not shape.prompt):
        shape = Shape(NAMED_COLUMNS, (how.prompt_column,))
    if shape is None:
        return None
    is_named = None not in named[:2]
    changes: dict[str, Any] = {"name": NAMED_COLUMNS, "is_named": is_named}
    if how.prompt_column is not None:
        changes["prompt"] = (how.prompt_column,)
    if how.completion_column is not None:
        changes |= {"completion": how.completion_column, "reasoning": "", "generations": ()}
    if how.system_column is not None:
        changes["system"] = (how.system_column,)
    if shape.text or (shape.turns and how.completion_column is not None):
        raise InputError(
            f"a column is named beside rows of the shape {shape.name}, which have no prompt column",
            do=f"pass {how.flag('prompt_column')} too",
        )
    return dataclasses.replace(shape, **changes)


def _own_name(shape: str) -> str:
    """The name in the table: what has been read may be called `prompt-completion-turns`."""
    return shape if shape in SHAPES else shape.removesuffix(TURNED)


def check_shape(shape: str | None) -> None:
    """Refuse a shape that does not exist; None means: tell the shapes apart row by row."""
    if shape is not None and _own_name(shape) not in SHAPES:
        raise InputError(
            f"row shape is '{shape}'",
            expected=f"one of {', '.join(SHAPES)}",
            do="leave it out to have the shape recognised",
        )
