"""The kit: what is made inert and how, tables from the same rows, a page that fetches nothing."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest
import yaml

from tests.support.page_parts import front_and_body, parts_of
from workbench.reports.card import Section, Word, card, front_matter
from workbench.reports.escape import Markup, element, inline, joined, quoted
from workbench.reports.page import figure, page, section
from workbench.reports.table import Column, html_table, markdown_table, number, share


def test_what_the_kit_made_is_kept_and_all_else_is_text():
    assert joined("<b>", Markup("<b>")) == "&lt;b&gt;<b>"
    assert element("p", '"', class_='x" y="') == '<p class="x&quot; y=&quot;">&quot;</p>'


def test_inline_leaves_numbers_and_plain_words_alone():
    assert inline("gsm8k.jsonl") == "gsm8k.jsonl"
    assert inline(0.1) == "0.1"
    assert inline({"n": 5}) == '{"n":5}'
    assert inline("`a`") == "\\`a\\`"
    assert inline(" a\n b ") == "a b"


@pytest.mark.parametrize("text", ["", "é 漢", "\U0001f600", "\x7f\x85\ufeff", 'a"b\\c\n', "no"])
def test_yaml_gives_a_quoted_text_back(text):
    assert quoted(text).isascii()
    assert yaml.safe_load(quoted(text)) == text


def test_both_tables_hold_the_same_cells():
    columns, rows = [Column("a|b", "lower: better"), "c"], [["1 < 2", 3], ["x", None]]
    html, markdown = html_table(columns, rows), markdown_table(columns, rows)
    assert parts_of(html).text == "a|blower: betterc1 < 23xNone"
    assert markdown == "| a\\|b | c |\n| --- | --- |\n| 1 &lt; 2 | 3 |\n| x | null |"


def test_a_column_in_a_row_is_its_header():
    tags = parts_of(html_table(["measure", "now"], [[Column("loss", "lower"), "1"]])).tags
    assert ("th", (("scope", "row"),)) in tags


def test_a_missing_number_is_a_dash():
    assert (number(None), share(None)) == ("–", "–")
    assert (number(-0.5, "+.2f"), share(0.25)) == ("-0.50", "25.0%")


def test_front_matter_nests_and_leaves_out_what_is_not_known():
    fields = {"a": Word("plain"), "b": None, "c": [{"d": "1", "e": [{"f": "x"}, {"f": "y"}]}]}
    text = front_matter(fields)
    assert text.startswith("---\na: plain\nc:\n")
    assert yaml.safe_load(text.strip("-")) == {
        "a": "plain",
        "c": [{"d": "1", "e": [{"f": "x"}, {"f": "y"}]}],
    }


def test_a_card_is_front_matter_a_title_and_sections():
    text = card({"tags": ["x"]}, "# T", ["Intro."], Section("S", ["one", "two"]))
    assert front_and_body(text) == ({"tags": ["x"]}, "\n# \\# T\n\nIntro.\n\n## S\n\none\n\ntwo\n")


def small_page() -> str:
    bars = go.Figure(go.Bar(x=["a"], y=[1]))
    return page("T", [section("S", figure(bars, "What it shows")), section("Empty")])


def test_a_page_fetches_nothing_and_its_policy_forbids_it():
    tags = parts_of(small_page()).tags
    named = {name for _, attributes in tags for name, _ in attributes}
    assert not named & {"src", "href", "action", "srcset", "data"}
    assert not {"link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in tags}
    (policy,) = [dict(a)["content"] for _, a in tags if "http-equiv" in dict(a)]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_tags_of_a_page_close_in_the_order_they_opened():
    open_tags: list[str] = []
    for tag, _ in parts_of(small_page()).tags:
        if tag.startswith("/"):
            assert open_tags.pop() == tag[1:]
        elif tag != "meta":
            open_tags.append(tag)
    assert open_tags == []


def test_the_same_results_make_the_same_page():
    assert small_page() == small_page()


def test_a_section_without_content_has_no_heading():
    assert parts_of(small_page()).text.count("Empty") == 0
