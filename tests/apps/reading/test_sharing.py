"""Answers that all sessions share: computed once a question, however many ask at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.reading.files import UnreadableError, load, read_json
from apps.reading.sharing import shared


def test_sessions_that_ask_at_once_get_one_answer():
    asked = []

    @shared(4)
    def slow(name: str, *, turned: bool = False) -> list[str]:
        asked.append(name)
        time.sleep(0.05)
        return [name]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(slow, ["a"] * 8))
    assert asked == ["a"]
    assert all(answer is answers[0] for answer in answers)
    assert slow("a", turned=True) is not answers[0]


def test_the_oldest_answer_is_forgotten():
    asked = []

    @shared(2)
    def note(name: str) -> None:
        asked.append(name)

    for name in ("a", "b", "c", "a"):
        note(name)
    assert asked == ["a", "b", "c", "a"]


def test_a_failure_is_no_answer():
    asked = []

    @shared(2)
    def fail() -> None:
        asked.append(1)
        raise OSError("torn")

    for _ in range(2):
        with pytest.raises(OSError, match="torn"):
            fail()
    assert len(asked) == 2


def test_each_version_of_a_file_is_read_once(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"n": 1}')
    first = load(read_json, path)
    assert load(read_json, path) is first
    time.sleep(0.01)
    path.write_text('{"n": 2}')
    assert load(read_json, path) == {"n": 2}


@pytest.mark.parametrize("content", [None, "[1]", "{"])
def test_what_cannot_be_read_is_told_in_words(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnreadableError):
        load(read_json, path)
