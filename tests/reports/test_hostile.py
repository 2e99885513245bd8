"""No text of a model, a data set or a run becomes markup in any report or card.

Every text of a report is replaced by one that attacks; the page or card must then parse to the
same tags, blocks and links as with a plain word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.page_parts import blocks_of, front_and_body, parts_of, plot_texts
from workbench.amplification.card import model_card as amplified_card
from workbench.reports import amplification_page, fork_blocks, validation_page
from workbench.selection.card import Contents, dataset_card
from workbench.tuning.card import model_card as tuned_card

DEMO = Path(__file__).resolve().parents[2] / "data/demo_runs"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><a href='javascript:alert(1)'>x</a>",
    "</script></style></title><script>alert(1)</script>",
    "<!-- <![CDATA[ ]]> &lt;b&gt; &amp;",
    "](javascript:alert(1))",
    "[x](javascript:alert(1)) ![x](//a/x.png) [r]: //a <http://a>",
    "a | b\n\n# heading\n\n| - |\n---\n- item\n1. item\n> quote\n    code",
    "`code` *em* __strong__ ~~gone~~ \\ $x$ {{y}}",
    "---\nx: [y]\n...\n# no\t'\"\x7f\u2028\U0001f600",
)
# Texts that name a choice of the workbench's own, by which a report is read.
CHOICES = {"ablation", "judged_by", "variant", "weights", "schedule"}


def with_texts(value: Any, text: str, *, key: str = "") -> Any:
    """The same nest with `text` for every text in it, and in the names of levels and operations."""
    if isinstance(value, str):
        return value if key in CHOICES else text
    if isinstance(value, list):
        return [with_texts(item, text, key=key) for item in value]
    if isinstance(value, dict):
        named = key in ("levels", "operations")
        return {f"{text}{k}" if named else k: with_texts(v, text, key=k) for k, v in value.items()}
    return value


def demo(pattern: str) -> Any:
    return json.loads(next(DEMO.glob(pattern)).read_text(encoding="utf-8"))


def validation() -> dict[str, Any]:
    report = demo("validate-*/validation.json")
    facts = {"contribution": 0.1, "sink_share": None, "idle": True}
    return report | {"head_facts": [facts] * len(report["heads"])}


def amplification() -> dict[str, Any]:
    report = demo("amplify-report-*/report.json")
    report["masks"][0]["warnings"] = ["w"]
    return report


def fork() -> dict[str, Any]:
    sides = ("right", "wrong", "desired", "undesired", "shared")
    return {f"{side}_text": "x" for side in sides} | {"greedy_right": True}


@pytest.fixture(autouse=True)
def _without_the_library(monkeypatch):
    """Megabytes of script that are the same in every page."""
    monkeypatch.setattr("workbench.reports.page.get_plotlyjs", str)


PAGES: dict[str, tuple[Callable[[Any], str], Callable[[], Any]]] = {
    "validation": (validation_page, validation),
    "amplification": (amplification_page, amplification),
    "fork": (fork_blocks, fork),
}


# Figures are slow to make: all the attacks at once, and those alone that end what they stand in.
IN_PAGES = (" ".join(HOSTILE), *HOSTILE[1:4])


@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_text_changes_no_tag_of_a_page_and_is_text_in_its_plots(name):
    render, report = PAGES[name]
    plain = render(with_texts(report(), "plain"))
    for text in IN_PAGES:
        page = render(with_texts(report(), text))
        parts = parts_of(page)
        assert parts.tags == parts_of(plain).tags, text
        assert text in parts.text, "it is shown as it is"
        shown = plot_texts(page)
        assert len(shown) == len(plot_texts(plain))
        tags = {tag for t in shown for tag in re.findall(r"<[^>]*>?", t)}
        assert tags <= {"<extra>", "</extra>", "<br>"}


def tuning() -> dict[str, Any]:
    options = {"lora": False, "batch_size": 2, "accumulate": 3, "schedule": "cosine", "seed": 1}
    return {
        "base": {"id": "m", "revision": "r", "weights_sha256": "f"},
        "data": {
            "name": "export",
            "data_sha256": "a",
            "counts": {"ok": 3},
            "n_targets": 5,
            "weights": "file",
            "rule": {"name": "softmax", "temperature": 0.5},
            "selection": {"method": "loss", "policy": "top", "budget": {"n": 5}, "adjust": None},
        },
        "options": options | {"weight_decay": 0.0, "end_token": True},
        "loss": {"n_steps": 4, "first": 1.0, "first_tenth": 1.0, "last_tenth": 0.5, "last": 0.2},
        "learning_rate": 1e-4,
        "dtype": "float32",
        "template": "chat",
    }


def update() -> dict[str, Any]:
    summary = demo("amplify-update-mask-*/update.json")
    summary["base"]["revision"] = "r"
    return summary


def exported(text: str) -> str:
    contents = Contents(text, text, text, 5, 2, {text: (5, 2)}, has_trainers=True)
    names = ("model", "revision", "method", "variant", "part", "policy", "adjust", "group_by")
    return dataset_card(contents, dict.fromkeys(names, text) | {"budget": {text: text}})


CARDS: dict[str, Callable[[str], str]] = {
    "dataset": exported,
    "tuned": lambda text: tuned_card(with_texts(tuning(), text)),
    "amplified": lambda text: amplified_card(with_texts(update(), text)),
}


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_changes_no_block_or_link_of_a_card(name, text):
    plain, hostile = (front_and_body(CARDS[name](t)) for t in ("plain", text))
    assert list(hostile[0]) == list(plain[0])
    assert blocks_of(hostile[1]) == blocks_of(plain[1])
    assert not {"link_open", "image", "html_inline", "html_block"} & set(blocks_of(hostile[1]))
    # Read as HTML, which a renderer may let through, there is no tag either.
    assert parts_of(hostile[1]).tags == []


@pytest.mark.parametrize("text", HOSTILE)
def test_front_matter_gives_a_name_back_as_it_was(text):
    front, _ = front_and_body(exported(text))
    assert front["pretty_name"] == text
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": text}]
    assert front_and_body(CARDS["tuned"](text))[0]["base_model"] == text
