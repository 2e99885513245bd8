"""From a row to samples: the turns that its shape finds in its columns.

Rows of every shape become a `Sample`, which keeps the original row, so that an export can return
every column it came with.

    sample = to_sample({"problem": "1 + 1?", "solution": "2"}, 0, "sums.jsonl")
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from workbench.config import canonical_json, digest
from workbench.data.plain import plain
from workbench.data.shapes import TURNED, Shape, Shapes
from workbench.data.turns import from_json, functions_of, turns_of, with_reasoning
from workbench.data.values import MalformedRow, filled_text, kind_of, listed, text_of
from workbench.options import ReadOptions
from workbench.types import Message, Sample

MARKS = ("correctness_math_verify", "correctness", "is_correct", "correctness_llama")
"""Columns that say which of the generations are right, the most exact check first."""


def to_sample(row: Any, row_index: int, source: str, shape: str | None = None) -> Sample:
    """The sample in `row`; `MalformedRow` if it has no usable text.

    `source` (a file or dataset name) is used when the row has no text column `source` of its own.
    """
    return to_samples(row, row_index, source, Shapes(ReadOptions(shape=shape)))[0]


def to_samples(row: Any, row_index: int, source: str, shapes: Shapes) -> tuple[Sample, ...]:
    """The samples in `row`: one, or several where several generations are asked for.

    These have ids `row_id#k`, k the place in the list of generations from 0 on, indices from
    `row_index` on, and rows that hold the one generation.
    """
    shape = shape_of(row, shapes)
    sample = Sample(
        messages=() if shape.text else _messages(row, shape),
        text=filled_text(row, shape.text) if shape.text else None,
        row_id=row_id(row),
        row_index=row_index,
        source=row_source(row, source),
        shape=shape.name,
        row=row,
        answer=_answer(row, shape),
        tools=functions_of(row.get("tools")) if shape.turns else (),
    )
    if shape.generations:
        return _generations(sample, shape, shapes.how.generation or "first")
    if shapes.how.generation == "correct" and _mark(row) is not True:
        raise MalformedRow("its one generation is not marked correct")
    return (_checked(sample),)


def shape_of(row: Any, shapes: Shapes) -> Shape:
    """The shape that `row` is read in."""
    if not isinstance(row, Mapping):
        raise MalformedRow(f"the row is {kind_of(row)}, expected an object with named columns")
    shape = shapes.of(row)
    if shape is None:
        columns = ("prompt_column", "completion_column", "text_column")
        prompt, completion, text = map(shapes.how.flag, columns)
        named = f"name them ({prompt} and {completion}, or {text})"
        raise MalformedRow(f"unknown columns {listed(row)}, {named}")
    if shape.prompt and isinstance(row.get(shape.prompt[0]), list):
        return dataclasses.replace(shape, name=shape.name + TURNED)
    return shape


def row_id(row: Mapping[str, Any]) -> str:
    """The row's own `id` as text, else the sha256 of its canonical JSON."""
    own = plain(row.get("id"))
    if isinstance(own, str | int | float) and own != "":
        return str(own)
    try:
        return digest(plain(row))
    except UnicodeEncodeError as err:
        raise MalformedRow("the row holds half a surrogate pair, which is not Unicode") from err


def row_content(row: Mapping[str, Any]) -> str:
    """The first half of the sha256 of the row's canonical JSON: what stood under its id."""
    text = canonical_json(plain(row))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def row_source(row: Mapping[str, Any], source: str) -> str:
    """Where the row says it came from, else `source`."""
    own = row.get("source")
    return own if isinstance(own, str) and own else source


def _checked(sample: Sample) -> Sample:
    if not sample.prompt.strip():
        raise MalformedRow("there is no prompt before the answer")
    if sample.has_completion and sample.messages[-1].more and not sample.completion:
        raise MalformedRow("the last turn is a tool call without text, which is no completion")
    return sample


def _messages(row: Mapping[str, Any], shape: Shape) -> tuple[Message, ...]:
    before = _system(row, shape)
    if shape.turns:
        turns = turns_of(row.get(shape.turns), shape.turns)
        return turns if turns[0].role == "system" else (*before, *turns)
    if shape.history:
        before += _history(row, shape)
    return before + _prompt(row, shape) + _completion(row, shape)


def _system(row: Mapping[str, Any], shape: Shape) -> tuple[Message, ...]:
    for column in shape.system:
        if column in row and (text := text_of(row, column)) and text.strip():
            return (Message("system", text),)
    return ()


def _history(row: Mapping[str, Any], shape: Shape) -> tuple[Message, ...]:
    pairs = from_json(row.get(shape.history))
    if not pairs:
        return ()
    if not is_pairs(pairs) and shape.name != "alpaca":
        return ()
    if not is_pairs(pairs):
        raise MalformedRow(f"{shape.history} is no list of pairs of question and answer")
    roles = ("user", "assistant")
    return tuple(Message(*turn) for pair in pairs for turn in zip(roles, pair, strict=True))


def is_pairs(value: Any) -> bool:
    """Whether a column of history holds questions with their answers, and so is read."""
    return isinstance(value, list) and all(
        isinstance(pair, list | tuple) and [type(text) for text in pair] == [str, str]
        for pair in value
    )


def _prompt(row: Mapping[str, Any], shape: Shape) -> tuple[Message, ...]:
    first, *others = shape.prompt
    if isinstance(row.get(first), list):
        return turns_of(row[first], first)
    text = filled_text(row, first)
    more = [extra for column in others if (extra := text_of(row, column))]
    # As LLaMA-Factory joins them, and the files for trainers.
    return (Message("user", "\n".join([text, *more])),)


def _completion(row: Mapping[str, Any], shape: Shape) -> tuple[Message, ...]:
    if not shape.completion:
        return ()
    value = row.get(shape.completion)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        turns = turns_of(value, shape.completion)
        # Some give the whole conversation again.
        return turns if turns[0].role == "assistant" else turns[-1:]
    text = text_of(row, shape.completion)
    if not text:
        return ()
    if shape.reasoning:
        text = with_reasoning(_reasoning(row, shape), text)
    return (Message("assistant", text),)


def _reasoning(row: Mapping[str, Any], shape: Shape) -> str | None:
    """The reasoning column; the first where it lists several."""
    value = row.get(shape.reasoning)
    if isinstance(value, list):
        value = value[0] if value else None
    return text_of({shape.reasoning: value}, shape.reasoning)


def _answer(row: Mapping[str, Any], shape: Shape) -> str | None:
    """The checkable answer, where it is not in the column `answer`, in which it is looked for."""
    value = row.get(shape.answer) if shape.answer not in ("", "answer") else None
    if isinstance(rewarded := row.get("reward_model"), Mapping):
        value = rewarded.get("ground_truth")
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def _generations(sample: Sample, shape: Shape, wanted: str) -> tuple[Sample, ...]:
    texts = _texts(sample.row, shape.generations)
    if wanted == "first":
        k = min(texts)
        turns = (*sample.messages, Message("assistant", texts[k]))
        return (_checked(dataclasses.replace(sample, messages=turns)),)
    if wanted == "correct":
        right = [k for k, mark in enumerate(_marks(sample.row)) if mark is True]
        if not set(right) & set(texts):
            raise MalformedRow(f"none of {len(texts)} generations is marked correct")
        texts = {k: texts[k] for k in right if k in texts}
    return tuple(
        _checked(
            dataclasses.replace(
                sample,
                messages=(*sample.messages, Message("assistant", text)),
                row=_with_one(sample.row, shape.generations, k, text),
                row_id=f"{sample.row_id}#{k}",
                row_index=sample.row_index + place,
            )
        )
        for place, (k, text) in enumerate(texts.items())
    )


def _with_one(
    row: Mapping[str, Any], columns: tuple[str, ...], k: int, text: str
) -> dict[str, Any]:
    """The row as if it held generation `k` alone: an export of it is read as it was scored."""
    first, *others = columns
    if others:
        return {**row, **dict.fromkeys(others), first: text}
    marks = {column: from_json(row.get(column)) for column in MARKS}
    kept = {c: [m[k]] for c, m in marks.items() if isinstance(m, list) and k < len(m)}
    return {**row, first: [text], **kept}


def _texts(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[int, str]:
    """Place to generation, of one column that lists them or one column each; null ones are none."""
    first = from_json(row.get(columns[0]))
    values = first if isinstance(first, list) else [row.get(column) for column in columns]
    texts = {k: value for k, value in enumerate(values) if value not in (None, "")}
    if not texts or not all(isinstance(value, str) for value in texts.values()):
        raise MalformedRow(f"{columns[0]} holds no generations as text")
    return texts


def _mark(row: Mapping[str, Any]) -> Any:
    """What the first column of marks says of a row that holds one generation."""
    found = next((row[column] for column in MARKS if row.get(column) is not None), None)
    if found is None:
        raise MalformedRow(f"no column says whether it is correct ({', '.join(MARKS)})")
    return {"true": True, "false": False}.get(found.lower()) if isinstance(found, str) else found


def _marks(row: Mapping[str, Any]) -> list[Any]:
    for column in MARKS:
        marks = from_json(row.get(column))
        if isinstance(marks, list):
            return marks
    raise MalformedRow(f"no column says which generations are correct ({', '.join(MARKS)})")
