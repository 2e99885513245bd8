"""Every promise is written down, and has tests."""

from pathlib import Path

import pytest

from tests.trust.__main__ import main
from tests.trust.promises import PROMISES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_has_tests_and_stands_in_the_document(promise):
    assert all((ROOT / path).is_file() for path in PROMISES[promise])
    assert f"### {promise}\n" in (ROOT / "docs/trust.md").read_text(encoding="utf-8")


def test_the_document_promises_nothing_else():
    text = (ROOT / "docs/trust.md").read_text(encoding="utf-8")
    found = [line[4:] for line in text.splitlines() if line.startswith("### ")]
    assert found == list(PROMISES)


def test_a_word_that_no_promise_has_tries_nothing_and_fails(capsys):
    assert main(["no such promise"]) == 1
    assert capsys.readouterr().out.split() == ["promise", "tried", "held", "failed"]
