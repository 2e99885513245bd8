"""The page Compare: two runs of heads, of scores, two selections; what changes side."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.apps.conftest import charts, heads_by_rank, name, open_page, words
from tests.support.manifests import write_manifest
from workbench.stages import Place, SelectOptions, run_select


def copy_run(folder, new: str):
    """The same run under another name."""
    other = folder.with_name(new)
    other.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (other / path.name).write_bytes(path.read_bytes())
    return other


def test_a_single_run_of_heads_has_nothing_to_be_compared_with(finished, no_demo):
    assert "no other run" in words(open_page("compare"))


def test_two_runs_of_heads_are_compared_and_name_their_heads_as_everywhere(copied):
    copy_run(next(copied.glob("heads-*")), "heads-exact-0000aaaa")
    at = open_page("compare")
    assert "Overlap 100%" in words(at)
    assert "Rank correlation +1.00" in words(at)
    first, second = sorted(name(h) for h in heads_by_rank(copied)[:2])
    assert f"In both: {first}, {second}." in words(at)
    titles = [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts(at)]
    assert titles[0] == "Second run minus first"
    assert titles[1].startswith("Places in both")
    assert all(metric.help for metric in at.metric)


@pytest.fixture
def two_scores(copied):
    """A second run of scores that prefers the rows the other way round."""
    folder = next(copied.glob("score-*"))
    other = copy_run(folder, "score-circuitseer-0000aaaa")
    frame = pd.read_parquet(folder / "scores.parquet")
    frame["score"] = frame["score"].max() - frame["score"]
    frame.to_parquet(other / "scores.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(other / "manifest.json", manifest | {"created": "2020-01-01T00:00:00+00:00"})
    return folder, other


def compare_scores(at):
    at.segmented_control(key="what").select("scores").run()
    at.selectbox(key="scores").select(
        next(o for o in at.selectbox(key="scores").options if not o.endswith(("demo", "0000aaaa")))
    ).run()
    at.selectbox(key="beside").select(
        next(o for o in at.selectbox(key="beside").options if o.endswith("0000aaaa"))
    ).run()
    return at


def test_rows_that_change_side_are_shown_with_their_texts(two_scores):
    at = compare_scores(open_page("compare"))
    assert "Rank correlation -1.00" in words(at)
    assert "Tops in common 0%" in words(at)
    best = pd.read_parquet(two_scores[0] / "scores.parquet").nlargest(1, "score")
    shown = next(d.value for d in at.dataframe if "text" in d.value)
    assert shown["row_id"].tolist() == best["row_id"].tolist()
    assert shown["text"].str.len().min() > 0
    at.segmented_control(key="side").select("both").run()
    assert "None." in words(at)
    assert all(metric.help for metric in at.metric)
    assert not at.exception


def test_scores_of_other_rows_are_not_compared(two_scores):
    frame = pd.read_parquet(two_scores[1] / "scores.parquet")
    frame["row_id"] = "x" + frame["row_id"]
    frame.to_parquet(two_scores[1] / "scores.parquet")
    assert "no row in common" in words(compare_scores(open_page("compare")))


def test_rows_of_other_data_that_only_share_their_ids_are_not_compared(two_scores):
    path = two_scores[1] / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["inputs"]["data"] = [{"name": "other", "sha256": "0"}]
    write_manifest(path, manifest)
    frame = pd.read_parquet(two_scores[1] / "scores.parquet")
    frame["row_sha256"] = "0" * 64
    frame.to_parquet(two_scores[1] / "scores.parquet")
    assert "no row in common" in words(compare_scores(open_page("compare")))


def test_selections_of_other_data_that_only_share_ids_are_not_compared(two_scores, no_demo):
    root, path = two_scores[0].parent, two_scores[1] / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["inputs"]["data"] = [{"name": "other", "sha256": "0"}]
    write_manifest(path, manifest)
    frame = pd.read_parquet(two_scores[1] / "scores.parquet")
    frame["row_sha256"] = "0" * 64
    frame.to_parquet(two_scores[1] / "scores.parquet")
    run_select(Place(root), two_scores[1] / "scores.parquet", SelectOptions("bottom", n=3))
    at = open_page("compare")
    at.segmented_control(key="what").select("selections").run()
    assert "are not known to be the same rows" in words(at)


def test_two_selections_tell_what_they_share(copied, no_demo):
    scores = next(copied.glob("score-*")) / "scores.parquet"
    run_select(Place(copied), scores, SelectOptions("bottom", n=3))
    at = open_page("compare")
    at.segmented_control(key="what").select("selections").run()
    assert "Of the first, shared 0%" in words(at)
    assert [len(d.value) for d in at.dataframe if "text" in d.value] == [3]
    assert all(metric.help for metric in at.metric)
