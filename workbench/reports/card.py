"""Dataset and model cards: front matter that Hugging Face reads, then sections of Markdown.

card({"tags": ["sft"]}, "My model", ["Made by me."], Section("Loss", ["It fell."]))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from workbench.reports.escape import inline, quoted
from workbench.reports.table import markdown_table


class Word(str):
    """A word of the card's own, which stands in the front matter without quotes."""


class Section(NamedTuple):
    """A heading and the blocks below it: tables, or Markdown in which no foreign text stands."""

    title: str
    blocks: Sequence[str]


def card(front: Mapping[str, Any], title: str, intro: Sequence[str], *sections: Section) -> str:
    """The text of a README.md; the title and the texts of `front` may hold anything."""
    blocks = [front_matter(front), f"# {inline(title)}", *intro]
    for section in sections:
        blocks += [f"## {section.title}", *section.blocks]
    return "\n\n".join(blocks) + "\n"


def front_matter(fields: Mapping[str, Any]) -> str:
    """YAML between two lines of dashes; texts are quoted, what is None is left out."""
    return "\n".join(["---", *_yaml(fields), "---"])


def _yaml(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value if isinstance(value, Word) else quoted(value)]
    if isinstance(value, Mapping):
        return [line for name, of in value.items() if of is not None for line in _entry(name, of)]
    items = [_yaml(item) for item in value]
    return [f"{'  ' if n else '- '}{line}" for item in items for n, line in enumerate(item)]


def _entry(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [f"{name}: {_yaml(value)[0]}"]
    return [f"{name}:", *(f"  {line}" for line in _yaml(value))]


def model_front(base: Mapping[str, Any], *tags: str) -> dict[str, Any]:
    """Front matter of a model made from `base`, which is named where a hub has it."""
    return {
        "library_name": Word("transformers"),
        "pipeline_tag": Word("text-generation"),
        "base_model": base["id"] if base["revision"] else None,
        "tags": ["circuit-workbench", *tags],
    }


def base_model(base: Mapping[str, Any], columns: Sequence[str]) -> Section:
    """Which model it was made from, byte by byte."""
    known = [(key, base[key]) for key in ("id", "revision", "weights_sha256") if base[key]]
    return Section("Base model", [markdown_table(columns, known)])
