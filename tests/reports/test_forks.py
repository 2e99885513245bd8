"""Both ways on from a pivotal token, with text as text."""

from __future__ import annotations

from workbench.reports import fork_blocks


def row_of(**changes) -> dict:
    return {
        "shared_text": "so ",
        "right_text": "4<b>",
        "wrong_text": "5 & more",
        "desired_text": "4",
        "undesired_text": "5",
        "greedy_right": False,
    } | changes


def test_a_fork_shows_both_ways_with_their_first_token_marked():
    shown = fork_blocks(row_of())
    right, wrong = shown.index("right · sampled"), shown.index("wrong · greedy")
    assert right < shown.index(">4</mark>&lt;b&gt;") < wrong < shown.index(">5</mark> &amp; more")
    assert "right · greedy" in fork_blocks(row_of(greedy_right=True))


def test_text_of_a_fork_is_escaped():
    hostile = "<script>alert(1)</script>"
    texts = dict.fromkeys(("shared_text", "right_text", "wrong_text", "desired_text"), hostile)
    shown = fork_blocks(row_of(**texts, undesired_text=hostile))
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 3


def test_a_fork_at_the_first_token_and_an_end_of_text_have_words():
    shown = fork_blocks(row_of(shared_text="", wrong_text="", undesired_text=""))
    assert "part at their first token" in shown
    assert "(end of the text)" in shown
