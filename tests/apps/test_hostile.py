"""No name, label or message that comes from a file is markdown or HTML on any page.

Every text that a page shows as markdown is read from what the server sends to the browser.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from apps.words.markdown import JOINER
from tests.apps.conftest import PAGES, look_at, open_page
from workbench.bundled import bundled_dir

IMAGE = "![zz](https://zz.example/a.png)<img src=x onerror=zz>[zz](zz) :zz: $zz$ **zz** `zz`"
SHORT = "![zz](//zz.it/z)"
# What pages read from files, by key; numbers that pages reckon with stay numbers.
TEXTS = {"id", "verdict", "stopped", "heads_run", "reason", "error", "name", "warnings", "rule"}
LISTS = {"data", "sources", "warnings"}
# Kinds that show their text as it is.
PLAIN = {"text", "code", "json", "arrow_data_frame", "plotly_chart", "iframe", "download_button"}
LABELS = {"body", "label", "help", "text", "content", "delta"}
LIVE = re.compile(r"(?<!\\)(!\[|\]\(|<|:zz|\$zz|\*\*zz|`zz)|https?:(?!" + JOINER + ")")


def spoiled(value, key=""):
    """The same nest with an attack in every text of the chosen keys."""
    if isinstance(value, dict):
        return {name: spoiled(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [IMAGE if key in LISTS and isinstance(v, str) else spoiled(v, key) for v in value]
    if isinstance(value, str) and key == "created":
        return SHORT
    return IMAGE if isinstance(value, str) and key in TEXTS else value


def spoil(root: Path) -> Path:
    for path in root.glob("*/*.json"):
        content = spoiled(json.loads(path.read_text(encoding="utf-8")))
        if path.name == "manifest.json":
            # By hand means without the seal: it fits what the run wrote alone.
            content = {k: v for k, v in content.items() if k not in ("seal", "files")}
        path.write_text(json.dumps(content), encoding="utf-8")
    for path in root.glob("*/scores.parquet"):
        frame = pd.read_parquet(path)
        frame["source"] = IMAGE
        frame.to_parquet(path, index=False)
    for path in sorted(root.iterdir()):
        if path.name.startswith(("tune", "validate", "amplify-report")):
            path.rename(path.with_name(f"{path.name}![zz](zz.png)"))
    return root


@pytest.fixture(params=["chain", "demo"])
def hostile(request, tmp_path, monkeypatch) -> Path:
    source = bundled_dir("data") / "demo_runs"
    if request.param == "chain":
        source = request.getfixturevalue("chain")
    root = spoil(shutil.copytree(source, tmp_path / "runs"))
    look_at(root, monkeypatch)
    return root


def strings(proto, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a message with the name of its field."""
    for field, value in proto.ListFields():
        for one in value if field.is_repeated else [value]:
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                yield from strings(one, field.name)
            elif isinstance(one, str):
                yield field.name, one


def shown(at) -> Iterator[tuple[str, str]]:
    """Kind of element and text, for all that a browser takes as markdown or HTML."""
    for node in at._tree:
        kind = getattr(node, "type", "")
        if kind in PLAIN or not hasattr(node, "proto") or node.proto is None:
            continue
        yield from ((kind, text) for name, text in strings(node.proto) if name in LABELS)


@pytest.mark.parametrize("page", PAGES)
def test_no_text_of_a_file_is_markup(hostile, page):
    at = open_page(page)
    texts = [(kind, text) for kind, text in shown(at) if "zz" in text]
    for kind, text in texts:
        found = LIVE.search(text.replace("&lt;", ""))
        assert not found, f"{kind}: ...{text[max(0, found.start() - 40) : found.end() + 40]}"


def test_the_attack_is_on_the_pages(hostile):
    """Or the test above would hold of empty pages."""
    seen = [text for page in PAGES for _, text in shown(open_page(page)) if "zz" in text]
    assert len(seen) >= len(PAGES)


@pytest.mark.parametrize("text", [IMAGE, SHORT])
def test_the_check_sees_an_attack(text):
    assert LIVE.search(text)
