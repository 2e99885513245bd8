"""Signatures: shingles and likeness worked out by hand, and the error that the docs state."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.selection.signatures import (
    N_PLACES,
    likeness,
    said_in,
    shingles,
    signer,
    standard_error,
)
from workbench.types import Message, Sample


def test_shingles_are_runs_of_five_words_by_hand():
    assert shingles("The cat, she sat. DOWN") == {
        b"the cat , she sat",
        b"cat , she sat .",
        b", she sat . down",
    }
    assert shingles("Two  words") == {b"two words"}
    assert shingles("two\nWORDS") == shingles("Two words")


def test_signs_and_scripts_without_spaces_are_words_of_their_own():
    assert shingles("3+4") != shingles("3-4")
    assert len(shingles("一二三四五六七")) == 3
    assert shingles("a一二b") == {"a 一 二 b".encode()}


def test_likeness_is_the_share_of_common_shingles_by_hand():
    # abcde, bcdef, cdefg against abcde, bcdef, cdefh: 2 of 4 together.
    sign = signer()
    one, other = sign("a b c d e f g"), sign("a b c d e f h")
    found = likeness(one, np.stack([one, other, sign("p q r s t u v")]))
    assert found[0] == 1
    assert abs(found[1] - 0.5) <= 3 * standard_error(0.5)
    assert found[2] == 0


def test_the_error_of_the_estimate_is_the_one_that_is_stated():
    rng, sign, off = np.random.default_rng(0), signer(), []
    for _ in range(400):
        words = [f"w{i}" for i in rng.integers(10**9, size=180)]
        n_same = int(rng.integers(60, 110))
        one, other = " ".join(words[:120]), " ".join([*words[:n_same], *words[120:]])
        exact = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        found = likeness(sign(one), sign(other)[None])[0]
        off.append((found - exact) / standard_error(exact))
    assert abs(np.mean(off)) < 4 / np.sqrt(len(off))
    assert 0.85 < np.std(off) < 1.15
    assert standard_error(0.8) == pytest.approx(0.025)


def test_a_signature_is_that_of_the_whole_text_however_long(monkeypatch):
    text = " ".join(f"word{i}" for i in range(300))
    whole = signer()(text)
    monkeypatch.setattr("workbench.selection.signatures.MOST_AT_ONCE", 7)
    assert (signer()(text) == whole).all()
    assert whole.shape == (N_PLACES,)


def test_a_shared_system_prompt_makes_no_rows_alike():
    def row(question):
        turns = (Message("system", "You are kind. " * 50), Message("user", question))
        return Sample("a", 0, "s", "messages", messages=(*turns, Message("assistant", "4")))

    assert said_in(row("2 + 2?")) == "2 + 2?\n4"
    assert said_in(Sample("a", 0, "s", "text", text="plain")) == "plain"
