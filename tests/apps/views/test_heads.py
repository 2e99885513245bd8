"""The heads page with results: the map, the opened head, the second layer, two runs compared."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from tests.apps.conftest import charts, heads_by_rank, markdown_of, name, open_page, strips, words
from tests.support.manifests import write_manifest
from workbench.stages import Place, run_chosen


def test_the_heads_page_begins_with_the_costliest_head(finished):
    first = heads_by_rank(finished)[0]
    at = open_page("heads")
    assert at.selectbox(key="head").value == name(first)
    assert f"Loss increase {first['delta']:.4f}" in words(at)


def test_choosing_a_head_by_keyboard_shows_its_numbers(finished):
    last = heads_by_rank(finished)[-1]
    at = open_page("heads")
    at.selectbox(key="head").select(name(last)).run()
    assert "Rank 12 / 12" in words(at)
    assert f"Loss increase {last['delta']:.4f}" in words(at)


def test_the_probe_samples_are_told_with_their_own_loss_increase(finished):
    table = pd.read_parquet(next(finished.glob("heads-*/deltas.parquet")))
    first = heads_by_rank(finished)[0]
    place = first["layer"] * 4 + first["head"]
    expected = sorted((row[place] for row in table["deltas"]), reverse=True)
    shown = next(d.value for d in open_page("heads").dataframe if "loss increase" in d.value)
    assert shown["loss increase"].tolist() == pytest.approx(expected)
    assert shown["sample"].str.len().min() > 0


def test_another_cut_tells_which_heads_enter_and_how_stable_they_are(finished):
    third, fourth = heads_by_rank(finished)[2:4]
    at = open_page("heads")
    at.select_slider(key="cut").set_value(4).run()
    assert "2 enter" in words(at)
    assert f"{name(third)} (" in words(at)
    assert f"{name(fourth)} (" in words(at)
    at.select_slider(key="cut").set_value(1).run()
    assert "1 leave" in words(at)


def test_the_map_can_show_how_stable_each_head_is(finished):
    at = open_page("heads")
    at.segmented_control(key="layer").select("stability").run()
    spec = json.loads(charts(at)[0].proto.spec)
    assert spec["layout"]["title"]["text"].startswith("Share of resampled probes")


def test_a_head_opens_its_attention_on_a_probe_sample(finished):
    at = open_page("heads")
    at.segmented_control(key="detail").select("attention").run()
    titles = [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts(at)]
    assert any("each row sums to 1" in title for title in titles)
    assert not at.exception


def write_retrieval(root) -> dict:
    """A run of retrieval scores on the model of the chain's circuit, in the reverse order."""
    folder = next(root.glob("heads-exact-*"))
    other = folder.with_name("heads-retrieval-0000bbbb")
    other.mkdir()
    content = json.loads((folder / "heads.json").read_text()) | {"method": "retrieval"}
    for head in content["heads"]:
        head["rank"] = len(content["heads"]) + 1 - head["rank"]
        head["delta"] = 1 / head["rank"]
        head["selected"] = head["rank"] <= 2
    (other / "heads.json").write_text(json.dumps(content))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"stage": "heads-retrieval", "created": "2026-01-01T00:00:00+00:00"}
    write_manifest(other / "manifest.json", manifest)
    return content


def test_retrieval_scores_are_a_second_layer_of_the_map(copied):
    first = heads_by_rank(copied)[0]
    content = write_retrieval(copied)
    at = open_page("heads")
    at.segmented_control(key="layer").select("retrieval").run()
    spec = json.loads(charts(at)[0].proto.spec)
    assert spec["layout"]["title"]["text"].startswith("Retrieval score")
    other = next(
        h for h in content["heads"] if (h["layer"], h["head"]) == (first["layer"], first["head"])
    )
    assert f"Retrieval score {other['delta']:.4f}" in words(at)
    assert f"Rank by it {other['rank']} / 12" in words(at)
    assert "Dashed: what the other measure chooses" in words(at)


def test_loss_increases_are_a_second_layer_of_a_retrieval_run(copied):
    write_retrieval(copied)
    at = open_page("heads")
    box = at.selectbox(key="circuit")
    box.select(next(option for option in box.options if "retrieval" in option)).run()
    assert at.segmented_control(key="layer").options[-1] == "loss increase"
    at.segmented_control(key="layer").select("loss increase").run()
    spec = json.loads(charts(at)[0].proto.spec)
    assert spec["layout"]["title"]["text"].startswith("Loss increase")


def test_without_retrieval_scores_the_map_offers_to_measure_them(finished):
    at = open_page("heads")
    assert "retrieval" not in at.segmented_control(key="layer").options
    assert any("second layer" in link.proto.label for link in at.get("page_link"))


def make_idle(root) -> dict:
    """The first head in rank is idle, and the second contributes."""
    path = next(root.glob("heads-exact-*/heads.json"))
    content = json.loads(path.read_text())
    first, second = sorted(content["heads"], key=lambda h: h["rank"])[:2]
    first |= {"contribution": -0.001, "sink_share": 1.0, "idle": True}
    second |= {"contribution": 0.3, "sink_share": 0.1, "idle": False}
    path.write_text(json.dumps(content))
    return first


def test_idle_heads_of_a_circuit_are_warned_of_and_marked(copied):
    first = make_idle(copied)
    at = open_page("heads")
    assert f"1 of the 2 heads of this circuit is idle: {name(first)}" in words(at)
    assert "Contribution -0.0010" in words(at)
    assert "On the first token 100%" in words(at)
    assert "Ringed: idle" in words(at)
    spec = json.loads(charts(at)[0].proto.spec)
    (ring,) = [trace for trace in spec["data"] if trace.get("name") == "idle"]
    assert [round(place) for place in (*ring["y"], *ring["x"])] == [first["layer"], first["head"]]
    table = next(d.value for d in at.dataframe if "idle" in d.value)
    assert table.set_index("head").loc[name(first), "idle"]


def test_a_layer_of_some_heads_only_says_how_many_were_measured(copied):
    make_idle(copied)
    at = open_page("heads")
    assert "heads measured" not in words(at)
    at.segmented_control(key="layer").select("contribution").run()
    n_known = sum(h["contribution"] is not None for h in heads_by_rank(copied))
    assert 0 < n_known < 12
    assert f"{n_known} of 12 heads measured; empty cells were not." in words(at)


def test_a_circuit_without_idle_heads_is_warned_of_nothing(copied):
    path = next(copied.glob("heads-exact-*/heads.json"))
    content = json.loads(path.read_text())
    for head in content["heads"]:
        head["idle"] = False
    path.write_text(json.dumps(content))
    shown = words(open_page("heads"))
    assert "heads of this circuit" not in shown
    assert "Ringed" not in shown


def test_the_map_can_be_coloured_by_rank(finished):
    at = open_page("heads")
    at.selectbox(key="scale").select("rank").run()
    (cells,) = [t for t in json.loads(charts(at)[0].proto.spec)["data"] if t["type"] == "heatmap"]
    assert (cells["zmin"], cells["zmax"]) == (-1, 1)
    assert not re.search(r"-\d+\.00\b", charts(at)[0].proto.spec), "a rank is a number above 0"


def test_a_circuit_of_ones_own_is_saved_shown_and_can_be_validated(copied):
    chosen = [name(h) for h in heads_by_rank(copied)[4:6]]
    at = open_page("heads")
    at.multiselect(key="by_hand_heads").set_value(chosen).run()
    next(b for b in at.button if b.label == "Save as a circuit").click().run()
    assert not at.exception
    (folder,) = copied.glob("heads-chosen-*")
    assert folder.name[-8:] in at.selectbox(key="circuit").value
    assert f"Chosen by hand from {next(copied.glob('heads-exact-*')).name}" in words(at)
    content = json.loads((folder / "heads.json").read_text())
    assert sorted(name(h) for h in content["heads"] if h["selected"]) == sorted(chosen)
    links = {link.proto.label: link.proto for link in at.get("page_link")}
    assert folder.name[-8:] in str(links["Validate this circuit"])


def test_a_cut_of_chosen_heads_says_which_of_them_leave(copied):
    ranked = [name(h) for h in heads_by_rank(copied)]
    origin = next(copied.glob("heads-exact-*/heads.json"))
    chosen = [(h["layer"], h["head"]) for h in heads_by_rank(copied)[4:6]]
    run_chosen(Place(copied), origin, chosen, by="![x](http://x.it/x)")
    at = open_page("heads")
    assert r"\!\[x\]" in markdown_of(at)
    assert "These 2 are chosen, not the first 2 in rank" in words(at)
    at.select_slider(key="cut").set_value(1).run()
    assert f"1 enter: {ranked[0]} (" in words(at)
    assert f"2 leave: {ranked[4]} (" in words(at)
    assert "are chosen, not" not in words(at)


def test_heads_that_contribute_and_are_not_idle_fill_the_box(copied):
    make_idle(copied)
    at = open_page("heads")
    next(b for b in at.button if b.label.startswith("Above that")).click().run()
    contributing = {
        name(h) for h in heads_by_rank(copied) if (h["contribution"] or 0) > 0.01 and not h["idle"]
    }
    assert set(at.multiselect(key="by_hand_heads").value) == contributing
    next(b for b in at.button if b.label == "The cut").click().run()
    assert len(at.multiselect(key="by_hand_heads").value) == 2


def test_samples_of_a_race_are_in_the_order_of_what_they_lost(copied):
    """A race keeps what it has measured by piece; without anything the label says so."""
    folder = next(copied.glob("heads-exact-*"))
    table = pd.read_parquet(folder / "deltas.parquet")
    (folder / "deltas.parquet").unlink()
    at = open_page("heads")
    at.segmented_control(key="detail").select("attention").run()
    assert any("in the order of the probe" in box.label for box in at.number_input)
    numbers = list(range(12))
    pieces = table.assign(gradient=False, heads=[numbers] * len(table))
    pieces.to_parquet(folder / "raced.parquet")
    at = open_page("heads")
    shown = next(d.value for d in at.dataframe if "loss increase" in d.value)
    first = heads_by_rank(copied)[0]
    place = first["layer"] * 4 + first["head"]
    expected = sorted((row[place] for row in table["deltas"]), reverse=True)
    assert shown["loss increase"].tolist() == pytest.approx(expected)
    at.segmented_control(key="detail").select("attention").run()
    assert any("1 needs this head most" in box.label for box in at.number_input)


def test_charts_have_no_toolbar_and_do_not_zoom_out(finished):
    for chart in charts(open_page("heads")):
        config = json.loads(chart.proto.config)
        assert (config["displayModeBar"], config["doubleClick"]) == (False, False)


def test_what_kind_of_head_each_is_is_measured_once_and_shown(copied):
    at = open_page("heads")
    assert "induction" not in at.segmented_control(key="layer").options
    next(b for b in at.button if b.label.startswith("Measure previous-token")).click().run()
    content = json.loads((next(copied.glob("heads-exact-*")) / "kinds.json").read_text())
    first = heads_by_rank(copied)[0]
    share = content["induction"][first["layer"]][first["head"]]
    assert f"Induction {share:.0%}" in words(at)
    assert not [b for b in at.button if b.label.startswith("Measure previous-token")]
    at.segmented_control(key="layer").select("induction").run()
    cells = json.loads(charts(at)[0].proto.spec)["data"][0]
    assert cells["type"] == "heatmap"
    table = next(d.value for d in at.dataframe if "induction" in d.value)
    assert table.set_index("head").loc[name(first), "induction"] == pytest.approx(share)


def test_a_pattern_is_seen_without_the_sink_by_logarithm_and_by_one_token(finished):
    at = open_page("heads")
    at.segmented_control(key="detail").select("attention").run()
    pills = at.get("button_group")[-1] if not at.get("pills") else at.pills(key="pattern-view")
    pills.set_value(["without the first token", "log colours", "weighted by values"]).run()
    assert not at.exception
    assert any(
        "value read" in json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts(at)
    )
    at.selectbox(key="pattern-token").select_index(2).run()
    assert "looks at**" in words(at)
    assert len(strips(at)) == 2
