"""What a reader's program sees of a page or a card: its tags, its plots, its blocks of Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import yaml


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The id of a plot is a digest of what it shows.
        kept = tuple((k, v) for k, v in attrs if not (k == "id" and str(v).startswith("plot-")))
        self.tags.append((tag, kept))
        self._raw = tag in ("script", "style")
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))
        self._raw = False

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment", ()))

    def handle_data(self, data: str) -> None:
        if self._raw and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        elif not self._raw:
            self.text += data


def parts_of(page: str) -> _Parts:
    """`tags` in order with their attributes, `scripts`, and the `text` that is shown."""
    parts = _Parts()
    parts.feed(page)
    parts.close()
    return parts


def plot_texts(page: str) -> list[str]:
    """Every string that the page hands to plotly, data and layout."""
    decoder = json.JSONDecoder()
    texts: list[str] = []
    for script in parts_of(page).scripts:
        for call in re.finditer(r'Plotly\.newPlot\(\s*"plot-', script):
            rest = script[script.index(",", call.end()) + 1 :].lstrip()
            data, end = decoder.raw_decode(rest)
            layout, _ = decoder.raw_decode(rest[end:].lstrip(" ,"))
            texts += strings([data, layout])
    return texts


def strings(value: Any) -> Iterator[str]:
    """All text in a nest of lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def front_and_body(card: str) -> tuple[dict[str, Any], str]:
    """The front matter as YAML reads it, and the Markdown below it."""
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def blocks_of(markdown: str) -> list[str]:
    """The structure of a Markdown text: kinds of its blocks and, in these, of all but text."""
    from markdown_it import MarkdownIt

    inert = {"text", "text_special", "softbreak"}
    kinds: list[str] = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        kinds.append(f"{token.type}{token.tag}")
        kinds += [c.type for c in token.children or () if c.type not in inert]
    return kinds
