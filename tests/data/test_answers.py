import threading
import time

import pytest

from workbench.data import (
    Reference,
    as_number,
    checker,
    is_right,
    marked_answer,
    reference_answer,
    same_answer,
)
from workbench.types import Message, Sample


def sample(completion, **row):
    turns = (Message("user", "How many?"), Message("assistant", completion))
    return Sample("r", 0, "tests", "messages", messages=turns, row=row)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("#### 1\nno, wait\n#### 1,234 ", "1,234"),
        (r"so \boxed{1} and \boxed{\frac{1}{2}}", r"1,\frac{1}{2}"),
        (r"so \boxed{1}. No, it is \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{5} or $x = \boxed{3}$", "5,3"),
        ("\\boxed{5} but it is #### 7", "7"),
        ("#### 7\nno: \\boxed{5}", "5"),
        (r"so it is $\boxed 4$.", "4"),
        ("#### 72, in total", "72"),
        ("The answer is (B) because it's bigger", "(B)"),
        ("<think>the answer is 5</think>\nThe answer is 7", "7"),
        ("<think>the answer is 5", None),
        ("<think>hm</think>\n7", "7"),
        ("<think>hm</think>\nit is 7", None),
        (r"so \boxed{3} and \boxed{\frac{1", "3"),
        ("So the answer is 12.", "12"),
        ("The final answer is: **3.5**", "3.5"),
        ("Answer: The final answer is 7.", "7"),
        ("**Answer**: 7", "7"),
        ("### Final Answer\n7", "7"),
        ("### Answer\nWe add 3 and 4.\nThat is 7.", None),
        ("The answer to the question is 7.", "7"),
        ("The correct option is (B).", "(B)"),
        ("答案是：7厘米", "7厘米"),
        ("解：3+4=7\n答：一共需要7元。", "一共需要7元"),
        ("it is 7", None),
        ("", None),
    ],
)
def test_the_last_marked_answer_counts(text, answer):
    assert marked_answer(text) == answer


@pytest.mark.parametrize(
    ("row", "completion", "reference"),
    [
        ({"answer": "Tom has 2.\n#### 2"}, "Tom has 2.\n#### 2", Reference("2", True)),
        ({"answer": "7"}, "it is 7", Reference("7", False)),
        ({"answer": 7}, "it is 7", Reference("7", False)),
        ({"answer": "7"}, "#### 7", Reference("7", True)),
        ({}, r"thus \boxed{x^2}", Reference("x^2", True)),
        ({}, "56", Reference("56", False)),
        ({"answer": "a long explanation " * 20}, "as above", None),
        ({"answer": None}, "it is 7", None),
    ],
)
def test_the_reference_is_read_from_the_column_or_the_solution(row, completion, reference):
    assert reference_answer(sample(completion, **row)) == reference


@pytest.mark.parametrize(
    ("text", "marked", "right"),
    [
        ("3 + 4 = 7\n#### 7", True, True),
        ("3 + 4 = 8\n#### 8", True, False),
        ("3 + 4 = 7", True, False),
        ("3 + 4 = 7", False, True),
        (r"\boxed{7.0}", True, True),
        ("7 + 1 = 8", False, False),
        ("", False, False),
        ("", True, False),
    ],
)
def test_a_text_is_right_by_its_final_answer(text, marked, right):
    assert is_right(text, Reference("7", marked)) is right


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", 1234),
        ("$18", 18),
        ("18.00", 18),
        ("-3/4", -0.75),
        (r"\frac{1}{4}", 0.25),
        (r"-\dfrac12", -0.5),
        ("50%", 50),
        (r"4 \text{ feet}", 4),
        (r"4\text{ cm}^2", 4),
        ("18 dollars", 18),
        ("3 x", None),
        ("5 or 6", None),
        (r"2\frac{1}{2}", 2.5),
        (r"-2\frac12", -2.5),
        (r"3\dfrac{1}{4} \text{ miles}", 3.25),
        ("2 1/2", 2.5),
        (r"2\frac{1}{0}", None),
        (".5", 0.5),
        ("7.", 7),
        ("1,2", None),
        ("x", None),
        ("1/0", None),
        ("1e9", 10**9),
        ("1e9999999", None),
        ("1.5 million", 1_500_000),
        ("five thousand", 5000),
        ("1.234.567,5", 1234567.5),
        ("1.250", 1.25),
        ("12m", None),
        ("12 m", 12),
        ("", None),
    ],
)
def test_numbers_are_read_through_their_layout(text, number):
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("found", "right", "same"),
    [
        ("0.5", r"\frac12", True),
        ("(1, 2]", "(1,2]", True),
        (r"\left( 1,2 \right]", "(1,2]", True),
        ("12", "21", False),
        ("x + y", "x - y", False),
        (r"\text{Evelyn}", "Evelyn", True),
        (r"\text{Evelyn}", r"\text{Briana}", False),
        (r"\text{(B)}", r"\text{(C)}", False),
        (r"3 \text{ or } 5", r"35", False),
        ("", r"\text{even}", False),
        ("", "", False),
        (r"90^{\circ}", r"90^\circ", True),
        (r"10.5", r"2\frac{1}{2}", False),
    ],
)
def test_answers_are_the_same_through_their_layout(found, right, same):
    assert same_answer(found, right) is same


@pytest.mark.skipif(checker() == "text", reason="math-verify is not installed")
@pytest.mark.parametrize(
    ("found", "right", "same"),
    [
        ("1 + x", "x+1", True),
        (r"2\sqrt{2}", r"\sqrt{8}", True),
        ("x=5", "5", True),
        (r"\frac{29}{4}", "7.25", True),
        ("8+4i", "4i + 8", True),
        ("x+2", "x+1", False),
        (r"\sqrt{7}", r"\sqrt{8}", False),
    ],
)
def test_other_answers_are_compared_as_mathematics(found, right, same):
    assert same_answer(found, right) is same


def test_answers_are_compared_in_a_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(same_answer("1 + x", "x + 1")))
    thread.start()
    thread.join()
    assert found == [checker() == "math-verify"]


@pytest.mark.parametrize("slow", ["9^{9^{9^9}}", "9^999999", "99999999!", r"\sum_{i=1}^{10^8} i"])
def test_what_could_run_for_hours_is_compared_as_text(slow):
    began = time.monotonic()
    assert not same_answer(slow, "x + 1")
    assert same_answer(slow, slow)
    assert time.monotonic() - began < 1


def test_nothing_is_said_on_the_way(capfd):
    same_answer("a + b", "b + a + 1")
    assert capfd.readouterr() == ("", "")


def test_without_the_package_other_answers_are_compared_as_text(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert checker() == "text"
    assert not same_answer("1 + x", "x + 1")
    assert same_answer("x + 1", "x+1")
    assert same_answer("0.5", "1/2")
