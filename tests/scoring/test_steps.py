"""Steps cover the text, never cut code or a formula, and short ones join their neighbour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring.steps import join_short, protected, split_steps, step_of_token


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in split_steps(text)]


def test_blank_lines_come_before_lines_and_lines_before_sentences():
    assert pieces("One. Two.\nThree.\n\nFour.") == ["One. Two.\nThree.\n\n", "Four."]
    assert pieces("One. Two.\nThree.\n") == ["One. Two.\n", "Three.\n"]
    assert pieces("One. Two!  Three? (Four.) Five") == [
        *("One.", " Two!", "  Three?"),
        *(" (Four.)", " Five"),
    ]
    assert pieces("Only one sentence") == ["Only one sentence"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t\n "])
def test_a_blank_text_has_no_steps(text):
    assert split_steps(text) == []


def test_blank_lines_may_hold_spaces_and_come_in_any_number():
    assert pieces("a\n \t\nb\n\n\n\nc\r\n\r\nd") == ["a\n \t\n", "b\n\n\n\n", "c\r\n\r\n", "d"]
    assert pieces("\n\n  a\n\nb\n\n") == ["\n\n  a\n\n", "b\n\n"]


WHOLE = [
    "```python\nx = 1\n\nprint(x)\n```",
    "~~~\na\n\nb\n~~~",
    "$$\na = b.\n\nC = d\n$$",
    "\\[\na = b.\n\n X\n\\]",
    "\\begin{align*}\na &= b. C\\\\[2pt]\n\n&= d\n\\end{align*}",
    "\\begin{a}x\n\n\\begin{a}y\n\n\\end{a}\n\nz\\end{a}",
    "[asy]\ndraw(A);\n\ndraw(B);\n[/asy]",
    "```\nprint('```')\n\nx = 1\n```",
    "````md\n```\na\n\nb\n```\n````",
]


@pytest.mark.parametrize("whole", WHOLE)
def test_nothing_is_cut_inside_code_or_a_displayed_formula(whole):
    assert pieces(f"Before it {whole}\n\nand after it.") == [
        f"Before it {whole}\n\n",
        "and after it.",
    ]
    assert pieces(f"Some text {whole}") == pieces_of_unbroken(f"Some text {whole}", whole)


def pieces_of_unbroken(text: str, whole: str) -> list[str]:
    """What the text is cut into with an unbroken word in the place of `whole`."""
    return [piece.replace("WHOLE", whole) for piece in pieces(text.replace(whole, "WHOLE"))]


def test_an_unclosed_fence_runs_to_the_end_and_other_unclosed_marks_open_nothing():
    assert pieces("Code:\n\n```\na\n\nb") == ["Code:\n\n", "```\na\n\nb"]
    for mark in ("$$", "\\[", "\\begin{x}", "[asy]", "\\("):
        assert len(pieces(f"a {mark}\n\nb\n\nc")) == 3


def test_a_line_break_with_space_in_an_array_opens_no_formula():
    assert len(pieces("a \\\\[2pt] b\n\nc \\] d\n\ne")) == 3


def test_prices_are_no_formulas_and_formulas_within_a_line_are_not_cut():
    assert pieces("It costs $5. He pays $6. Done!") == ["It costs $5.", " He pays $6.", " Done!"]
    assert pieces("So $f(x). X = 2$ holds. And $y = 3.$ Then stop.") == [
        *("So $f(x). X = 2$ holds.", " And $y = 3.$"),
        " Then stop.",
    ]
    assert pieces("Then \\(a. B\\) holds. Done.") == ["Then \\(a. B\\) holds.", " Done."]
    assert pieces("Say \\$4. Then \\$5. So") == ["Say \\$4.", " Then \\$5.", " So"]


def test_a_formula_may_be_padded_and_may_go_on_in_the_next_line():
    assert pieces("So $ x = 3. Y = 4 $ holds. Done.") == ["So $ x = 3. Y = 4 $ holds.", " Done."]
    assert pieces("So $x = 1 +\n 2$ holds.\nNext") == ["So $x = 1 +\n 2$ holds.\n", "Next"]
    assert pieces("So \\(a +\n b\\) holds.\nNext") == ["So \\(a +\n b\\) holds.\n", "Next"]
    # Amounts: not over a line, not without mathematics between them.
    assert pieces("He has $5.\nShe has 6$.\nDone") == ["He has $5.\n", "She has 6$.\n", "Done"]
    assert pieces("He has 5 $ now. She has 6 $. Done") == [
        *("He has 5 $ now.", " She has 6 $."),
        " Done",
    ]


def test_a_fence_within_a_line_opens_nothing():
    assert pieces("Type ```x``` here.\n\nThen stop.") == ["Type ```x``` here.\n\n", "Then stop."]
    assert pieces("Three ``` marks.\n\nThen stop.") == ["Three ``` marks.\n\n", "Then stop."]


def test_numbers_abbreviations_and_decimals_end_no_sentence():
    assert pieces("1. We add 2.5 and 3. Mr. Lee e.g. pays. 2. Done here.") == [
        *("1. We add 2.5 and 3.", " Mr. Lee e.g. pays."),
        " 2. Done here.",
    ]


def test_sentences_need_no_space_in_chinese():
    assert pieces("首先,我们计算。然后相加!最后得到答案。") == [
        "首先,我们计算。",
        "然后相加!最后得到答案。",
    ]


FRAGMENTS = st.sampled_from(
    [
        *("word", "Word", " ", "\n", "\n\n", ". ", "? ", "1. ", "Mr. ", "$", "$$", "\\[", "\\]"),
        *("```", "\\begin{a}", "\\end{a}", "\\\\", "\\", "[asy]", "[/asy]", "é", "。", "\r\n"),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join) | st.text(max_size=60)


@given(TEXTS)
def test_steps_cover_the_text_without_gap_and_none_is_blank(text):
    spans = split_steps(text)
    if not text.strip():
        assert spans == []
        return
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(text[start:end].strip() for start, end in spans)
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


@given(TEXTS)
def test_no_step_begins_inside_a_protected_region(text):
    begins = [start for start, _ in split_steps(text)]
    for start, end in protected(text):
        assert not any(start < begin < end for begin in begins)


@given(
    st.lists(st.text(alphabet="ab X", min_size=1).filter(str.strip), min_size=1, max_size=6),
    st.sampled_from(WHOLE),
    st.integers(0, 5),
)
def test_a_region_stays_whole_wherever_it_stands(blocks, whole, place):
    blocks.insert(min(place, len(blocks)), whole)
    text = "\n\n".join(blocks)
    assert sum(whole in piece for piece in pieces(text)) == 1
    assert len(pieces(text)) == len(blocks)


def joined_sizes(sizes: list[int]) -> list[int]:
    """Sizes of the steps after the short ones have joined, from tokens of one character."""
    ends = np.cumsum(sizes).tolist()
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    step = np.repeat(np.arange(len(sizes)), sizes)
    joined = join_short(spans, step)
    assert [joined[0][0], joined[-1][1]] == [0, ends[-1]]
    assert [end for _, end in joined[:-1]] == [start for start, _ in joined[1:]]
    return [end - start for start, end in joined]


def test_a_short_step_joins_the_one_before_and_the_first_the_one_after():
    assert joined_sizes([5, 3, 6]) == [8, 6]
    assert joined_sizes([2, 5, 6]) == [7, 6]
    assert joined_sizes([5, 4]) == [5, 4]
    assert joined_sizes([1, 1, 1, 1, 9]) == [4, 9]
    assert joined_sizes([3]) == [3]
    assert joined_sizes([2, 1]) == [3]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_no_step_is_short_unless_it_is_the_only_one(sizes):
    joined = joined_sizes(sizes)
    assert sum(joined) == sum(sizes)
    assert len(joined) == 1 or min(joined) >= 4


def test_a_token_belongs_to_the_step_of_its_first_character():
    chars = np.array([[0, 2], [2, 5], [5, 9], [9, 10]])
    assert step_of_token(chars, [(0, 4), (4, 9), (9, 10)]).tolist() == [0, 0, 1, 2]
