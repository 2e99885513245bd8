"""Dataset text as markdown: formulas reach KaTeX, everything else is text and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.words import markdown as shown

JOINER = shown.JOINER


def plain(markdown: str) -> str:
    """What a reader sees of escaped markdown."""
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)
    return text.replace(JOINER, "").replace("\u00a0", " ").replace("  \n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](https://x.example/a.png)",
        "# title\n- item\n1. one\n> quote\n===\n---",
        "`code` **bold** _it_ ~~no~~ | a | b |",
        ":material/home: :red[x] :smile: :streamlit:",
        "see www.example.com, http://example.com and a@example.com",
        "    not code\n\tneither",
        "&lt; &#58; &amp;",
        "He pays $5 for 3 and $7 for 4, so $12 in all.",
    ],
)
def test_text_is_shown_as_it_is_written(text):
    assert plain(shown.as_markdown(text)) == text.replace("\t", " ")


@pytest.mark.parametrize("sign", list("<>[]()!*_`#|~$&:"))
def test_no_sign_stands_unescaped(sign):
    for part in re.findall(rf".?{re.escape(sign)}", shown.as_markdown(f"a{sign}b {sign}")):
        assert part.startswith("\\")


@given(st.text(alphabet="<>[]()!*_`#|~$\\&: ab\n1.-+=:@/w.hftps", max_size=60))
def test_without_mathematics_any_text_comes_back(text):
    kept = "\n".join(line.replace("\t", " ") for line in text.split("\n"))
    assert plain(shown.as_markdown(text, maths=False)) == kept


def test_formulas_reach_katex_unchanged():
    assert shown.as_markdown(r"Let $x_1 + \frac{1}{2}$ be") == r"Let $x_1 + \frac{1}{2}$ be"
    assert shown.as_markdown(r"\(a_b\)") == "$a_b$"
    assert "\n$$\n\\sum_i x_i\n$$\n" in shown.as_markdown("\\[ \\sum_i\n\n x_i \\]")
    assert "\n$$\nx^2\n$$\n" in shown.as_markdown("$$x^2$$")


@pytest.mark.parametrize(
    "text",
    [
        r"$\href{javascript:alert(1)}{x}$",
        r"\(\url{javascript:alert(1)}\)",
        r"$$\includegraphics{https://x.example/a.png}$$",
        r"$\htmlClass{a}{b}$",
        r"$\def\x{\x\x}\x$",
        r"$} {$",
    ],
)
def test_formulas_that_could_do_something_stay_text(text):
    result = shown.as_markdown(text)
    assert plain(result) == text
    assert not re.search(r"(?<!\\)\$", result)


def test_a_joiner_keeps_live_words_from_becoming_links():
    assert f"www{JOINER}" in shown.as_markdown("www.example.com")
    assert f"http{JOINER}" in shown.as_markdown("http://example.com")
    assert f"{JOINER}\\@" in shown.as_markdown("a@example.com")


def test_characters_that_turn_the_text_around_are_left_out():
    assert shown.as_markdown("a\u202eb\x00c") == "abc"
