"""Pairs of answers with the verdict of a reader: which the checker judges otherwise, exactly."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from workbench.data import Reference, checker, is_right, reference_answer, same_answer
from workbench.data import layout as layout_module
from workbench.data.layout import RULES
from workbench.types import Message, Sample

ROOT = Path(__file__).resolve().parents[2]
# Known and left open: two spellings of a half, and a point without its brackets.
OPEN = {("1 and 1/2", "1.5"), ("half a million", "500000"), ("(1,2)", "1,2")}

needs_package = pytest.mark.skipif(checker() == "text", reason="math-verify is not installed")


def cases(name: str) -> list[dict]:
    text = (ROOT / f"tests/fixtures/answers/{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def reference_of(answer) -> str | None:
    turns = (Message("user", "How many?"), Message("assistant", "as above"))
    found = reference_answer(
        Sample("r", 0, "tests", "messages", messages=turns, row={"answer": answer})
    )
    return found and found.answer


def verdict(case: dict) -> bool:
    if "found" in case:
        return same_answer(case["found"], case["right"])
    if "completion" in case:
        return is_right(case["completion"], Reference(case["right"], marked=True))
    return reference_of(case["answer"]) == case["right"]


@needs_package
@pytest.mark.parametrize("name", ["cases", "pairs", "held_out"])
def test_every_verdict_is_the_readers_but_for_those_left_open(name):
    wrong = [case for case in cases(name) if verdict(case) != case.get("same", True)]
    assert [case for case in wrong if (case.get("found"), case["right"]) not in OPEN] == []
    assert {(case.get("found"), case["right"]) for case in wrong} == (OPEN if wrong else set())


@needs_package
def test_pairs_agree_the_other_way_round():
    pairs = [case for case in cases("pairs") + cases("cases") if "found" in case]
    one_way = [p for p in pairs if same_answer(p["right"], p["found"]) != p["same"]]
    assert one_way == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_of_layout_has_a_pair_that_needs_it(rule, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert same_answer(rule.found, rule.right)
    rest = [own for own, of in zip(layout_module._RULES, RULES, strict=True) if of != rule]
    monkeypatch.setattr(layout_module, "_RULES", rest)
    assert not same_answer(rule.found, rule.right)


COEFFICIENTS = [
    (r"\frac{1}{2}x", "x/2", True),
    (r"\frac{4}{3}\pi r^3", r"\frac{4\pi r^3}{3}", True),
    (r"\frac{2}{3}(x+1)", r"\frac{2(x+1)}{3}", True),
    (r"\frac{35}{2}\pi", r"\frac{35\pi}{2}", True),
    (r"\frac{1}{2}x", "1/(2x)", False),
    (r"\frac{3}{2}\sqrt{2}", r"3/(2\sqrt{2})", False),
    (r"\frac{1}{2}x", "1/2", False),
]


@pytest.mark.parametrize(("found", "right", "same"), COEFFICIENTS)
def test_a_fraction_before_a_letter_is_a_coefficient(found, right, same):
    pytest.importorskip("math_verify")
    assert same_answer(found, right) == same_answer(right, found) == same


@pytest.mark.parametrize(
    ("column", "reference"),
    [
        (1234567.5, "1234567.5"),
        (np.float64(0.1234567), "0.1234567"),
        (Decimal("2.50"), "2.50"),
        (1e22, "1e+22"),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_a_column_of_numbers_keeps_its_digits(column, reference):
    assert reference_of(column) == reference


@pytest.mark.parametrize(
    "long", ["\\boxed{", "so 3 + 4 ", "<think>", "answer is ", "#### 1" + " " * 30, "$ ", "1,000,"]
)
def test_texts_of_any_length_are_judged_at_once(long):
    text = long * (100_000 // len(long))
    began = time.monotonic()
    is_right(text, Reference("x", marked=False))
    is_right(text[:999], Reference("x", marked=False))
    assert time.monotonic() - began < 10


def test_the_document_lists_every_rule_with_its_pair():
    document = (ROOT / "docs/answers.md").read_text(encoding="utf-8")
    rows = [f"| {rule.name} | `{rule.found}` | `{rule.right}` |" for rule in RULES]
    assert [row for row in rows if row not in document] == []
