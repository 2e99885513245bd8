"""Tokens: the score again, its variants, two samples side by side."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.apps.conftest import (
    heads_by_rank,
    name,
    open_page,
    strips,
    words,
)


def test_the_tokens_page_recomputes_the_score_of_the_table(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.sort_values("score", ascending=False).iloc[0]
    at = open_page("tokens")
    assert f"Score {top['score']:.3g}" in words(at)
    assert f"Paper's score here {top['paper']:.3g}" in words(at)
    assert f"the scores table has {top['paper']:.3g}" in words(at)


def test_leaving_out_the_sink_gives_the_score_without_it(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.sort_values("score", ascending=False).iloc[0]
    at = open_page("tokens")
    at.toggle(key="no_sink").set_value(True).run()
    assert f"Paper's score here {top['paper_no_sink']:.3g}" in words(at)


def test_every_variant_stands_beside_the_others_with_its_place_in_the_pool(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.sort_values("score", ascending=False).iloc[0]
    shown = next(d.value for d in open_page("tokens").dataframe if "variant" in d.value)
    shown = shown.set_index("variant")
    assert shown.loc["cv2", "score"] == pytest.approx(top["cv2"])
    below = (scores["cv2_no_sink"] < top["cv2_no_sink"]).mean()
    assert shown.loc["cv2, no sink", "pool below"] == pytest.approx(below)


def test_two_samples_stand_side_by_side_under_one_head(finished):
    at = open_page("tokens")
    at.toggle(key="two").set_value(True).run()
    at.selectbox(key="whose").select("L2H3").run()
    assert len(strips(at)) == 2
    assert len([m for m in at.metric if m.label == "Score"]) == 2


def test_a_pattern_says_which_head_it_is_of_where_a_mean_is_shown(finished):
    first = next(name(h) for h in heads_by_rank(finished) if h["selected"])
    at = open_page("tokens")
    assert f"Where one head looks: {first}" in words(at)
    assert "A mean has no pattern of its own" in words(at)
    at.selectbox(key="whose").select("L2H3").run()
    assert "Where one head looks: L2H3" in words(at)
    assert "A mean has no pattern" not in words(at)


def test_markup_in_a_sample_reaches_the_page_as_text_only(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    ordered = scores.sort_values("score", ascending=False, kind="stable")["row_id"].tolist()
    at = open_page("tokens")
    at.number_input(key="place").set_value(ordered.index("r11") + 1).run()
    (strip,) = strips(at)
    assert "<script" not in strip.proto.body
    assert "&lt;" in strip.proto.body
    assert not at.exception
