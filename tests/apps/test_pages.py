"""Each page with results: the words and numbers a reader sees, and what a change of input does."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import yaml

from apps.jobs.job import Job
from apps.jobs.plan import what_of
from apps.passes import ablated
from apps.passes import model as passes
from apps.words.markdown import as_markdown
from tests.apps.conftest import (
    HOSTILE,
    NO_NUMBERS,
    PAGES,
    charts,
    heads_by_rank,
    markdown_of,
    name,
    open_page,
    result,
    words,
)
from tests.support.manifests import write_manifest
from workbench.ablation import decode_sets


@pytest.mark.parametrize("page", [page for page in PAGES if page not in NO_NUMBERS])
def test_every_number_explains_itself(finished, page):
    at = open_page(page)
    unexplained = [m.label for m in at.metric if not m.help]
    assert at.metric
    assert unexplained == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_how_to_read_it(finished, page):
    labels = [expander.label for expander in open_page(page).expander]
    assert "How to read this page" in labels


@pytest.mark.parametrize("page", ["heads", "tokens", "playground", "samples", "select"])
def test_every_chart_has_a_text_alternative(finished, page):
    at = open_page(page)
    assert charts(at)
    assert [chart.proto.id for chart in charts(at) if not chart.proto.alt] == []


def test_the_overview_shows_the_five_stages_as_done(finished):
    at = open_page()
    labels = [metric.label for metric in at.metric]
    assert labels == ["1 Model", "2 Circuit", "3 Validation", "4 Scores", "5 Selection"]
    assert at.metric[1].value == "2 / 12"
    assert "The chain is complete" in words(at)
    folders = [path for path in finished.iterdir() if not path.name.startswith(".")]
    shown = at.dataframe[0].value
    assert len(shown[shown["whose"] == ""]) == len(folders)


def test_a_page_loads_the_model_as_its_run_did(copied, monkeypatch):
    asked = []
    real = passes.loaded_model

    def note(name, **how):
        asked.append(how)
        return real(name, **how)

    monkeypatch.setattr(passes, "loaded_model", note)
    for path in copied.glob("score-*/manifest.json"):
        manifest = json.loads(path.read_text())
        manifest["inputs"]["model"]["template"] = "none"
        write_manifest(path, manifest)
    at = open_page("tokens")
    assert asked[-1]["template"] == "none"
    assert asked[-1]["dtype"] == "float32"
    assert at.metric


def test_a_form_hands_on_how_the_model_was_loaded(copied):
    path = next(copied.glob("heads-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["inputs"]["model"]["template"] = "none"
    write_manifest(path, manifest)
    at = open_page("run")
    at.segmented_control(key="stage").select("score").run()
    command = next(c.value for c in at.code if c.value.startswith("workbench score"))
    assert "--template=none" in command
    assert "--dtype" not in command


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
    assert len(at.get("html")) == 2
    assert len([m for m in at.metric if m.label == "Score"]) == 2


def test_markup_in_a_sample_reaches_the_page_as_text_only(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    ordered = scores.sort_values("score", ascending=False, kind="stable")["row_id"].tolist()
    at = open_page("tokens")
    at.number_input(key="place").set_value(ordered.index("r11") + 1).run()
    (strip,) = at.get("html")
    assert "<script" not in strip.proto.body
    assert "&lt;" in strip.proto.body
    assert not at.exception


def test_the_samples_page_says_how_far_the_score_follows_length(finished):
    summary = result(finished, "score-*/summary.json")
    excess = next(c for c in summary["correlations"] if c["score"] == "excess")
    shown = words(open_page("samples"))
    assert f"Follows length {excess['length']:+.2f}" in shown
    assert f"Follows level {excess['level']:+.2f}" in shown
    assert "Rows scored 12" in shown


def test_hostile_text_is_escaped_on_the_samples_page(finished):
    at = open_page("samples")
    at.text_input(key="search").set_value("alert").run()
    assert "3 of 12 rows" in words(at)
    assert HOSTILE not in markdown_of(at)
    assert "\\<script\\>alert" in markdown_of(at)


def test_a_range_of_scores_filters_the_table(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))["score"]
    at = open_page("samples")
    middle = float(scores.median())
    at.slider(key="range").set_range(middle, float(scores.max())).run()
    n_above = int((scores >= at.slider(key="range").value[0]).sum())
    assert 0 < n_above < 12
    assert f"{n_above} of 12 rows" in words(at)


def test_filters_that_pass_nothing_say_so(finished):
    at = open_page("samples")
    at.text_input(key="search").set_value("no such words").run()
    assert "No row passes" in words(at)


def test_level_filters_the_table(finished):
    at = open_page("samples")
    at.multiselect(key="level").set_value(["2"]).run()
    assert "4 of 12 rows" in words(at)


def test_rows_kept_and_dropped_by_hand_are_remembered_with_the_run(copied):
    at = open_page("samples")
    first = opened_row(copied, 0)
    button(at, "Drop").click().run()
    assert at.number_input(key="open").value == 2
    button(at, "Keep").click().run()
    marks = json.loads((next(copied.glob("score-*")) / "marks.json").read_text())
    assert marks == {first: "drop", opened_row(copied, 1): "keep"}
    at = open_page("select")
    assert any("1 kept and 1 dropped" in toggle.label for toggle in at.toggle)


def opened_row(root, place: int) -> str:
    scores = pd.read_parquet(next(root.glob("score-*/scores.parquet")))
    return scores.sort_values("score", ascending=False, kind="stable")["row_id"].iloc[place]


def button(at, label: str):
    return next(b for b in at.button if b.label == label)


def field(at, label: str):
    return next(b for b in at.text_input if b.label == label)


def test_opening_the_page_writes_nothing_anywhere(copied):
    before = sorted(path for path in copied.parent.rglob("*") if ".cache" not in path.name)
    at = open_page("select")
    at.selectbox(key="format").select("parquet").run()
    after = [path for path in copied.parent.rglob("*") if ".cache" not in path.name]
    assert [p for p in sorted(after) if p not in before and "texts-" not in p.name] == []
    at.toggle(key="card").set_value(True).run()
    assert "pretty_name" in words(at)
    assert not list(copied.parent.rglob("provenance.json"))


def test_file_turns_licence_and_language_of_an_export_are_asked_for(copied):
    at = open_page("select")
    button(at, "Save this selection").click().run()
    at.selectbox(key="export_file_type").select("parquet").run()
    at.selectbox(key="export_turns").select("all").run()
    at.text_input(key="export_license").set_value("mit").run()
    at.text_input(key="export_language").set_value("en").run()
    button(at, "Write the folder").click().run()
    (record,) = (copied.parent / "exports").glob("*/provenance.json")
    assert json.loads(record.read_text())["turns"] == "all"
    assert record.with_name("data.parquet").is_file()
    front = yaml.safe_load(record.with_name("README.md").read_text().split("---")[1])
    assert (front["license"], front["language"]) == ("mit", ["en"])


def test_a_second_selection_saved_brings_its_own_name_and_card(copied):
    at = open_page("select")
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    first = field(at, "Name").value
    button(at, "Write the folder").click().run()
    at.slider(key="percent").set_value(50).run()
    button(at, "Save this selection").click().run()
    assert "fraction 0.5" in at.selectbox(key="saved_selection").value
    assert field(at, "Name").value != first
    button(at, "Write the folder").click().run()
    assert "exists already" not in words(at)
    assert len(list((copied.parent / "exports").iterdir())) == 2
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    assert field(at, "Name").value == first, "saved again: the same selection"


def test_the_card_counts_rows_kept_and_dropped_by_hand(copied):
    at = open_page("samples")
    button(at, "Drop").click().run()
    button(at, "Keep").click().run()
    button(at, "Keep").click().run()
    at = open_page("select")
    button(at, "Save this selection").click().run()
    at.toggle(key="card").set_value(True).run()
    assert "| rows kept by hand | 2 |" in words(at)
    assert "| rows dropped by hand | 1 |" in words(at)


def test_the_tick_of_the_table_follows_the_opened_row(copied):
    at = open_page("samples")
    assert ticked(at) == [0]
    button(at, "Next").click().run()
    assert ticked(at) == [1]
    button(at, "Drop").click().run()
    assert ticked(at) == [2]
    at.number_input(key="open").set_value(6).run()
    assert ticked(at) == [5]


def ticked(at) -> list[int]:
    return at.session_state["rows"]["selection"]["rows"]


def test_taking_back_a_mark_under_its_filter_leaves_out_no_row(copied):
    """The row leaves the list, so the next one is opened by staying where one is."""
    at = open_page("samples")
    for _ in range(3):
        button(at, "Keep").click().run()
    at.selectbox(key="mark").select("kept").run()
    at.number_input(key="open").set_value(1).run()
    button(at, "Keep").click().run()
    assert "2 of 12 rows" in words(at)
    assert at.number_input(key="open").value == 1
    assert opened_row(copied, 1)[1:] in words(at)
    marks = json.loads((next(copied.glob("score-*")) / "marks.json").read_text())
    assert set(marks) == {opened_row(copied, 1), opened_row(copied, 2)}


def test_one_button_lets_every_row_pass_again(finished):
    at = open_page("samples")
    assert not [b for b in at.button if b.label == "Reset the filters"]
    at.text_input(key="search").set_value("alert")
    at.multiselect(key="level").set_value(["2"])
    at.slider(key="range").set_range(*at.slider(key="range").value).run()
    assert "of 12 rows" in words(at)
    assert "12 of 12 rows" not in words(at)
    button(at, "Reset the filters").click().run()
    assert "12 of 12 rows" in words(at)
    assert at.text_input(key="search").value == ""


def test_the_preview_follows_the_options(finished):
    at = open_page("select")
    assert "Selected 1" in words(at)
    at.slider(key="percent").set_value(50)
    at.selectbox(key="policy").select("top").run()
    assert "Selected 6" in words(at)
    assert "In the top 100%" in words(at)


def test_the_preview_holds_a_selection_against_rows_at_random_and_of_its_lengths(finished):
    at = open_page("select")
    at.slider(key="percent").set_value(50)
    at.selectbox(key="policy").select("top").run()
    table = next(d.value for d in at.dataframe if "mean of" in d.value)
    assert table["mean of"].tolist() == ["tokens", "level"]
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.nlargest(6, "score")
    assert table["selected"][1] == pytest.approx(top["level"].mean(), rel=1e-3)
    assert table["all rows"][1] == pytest.approx(scores["level"].mean(), rel=1e-3)
    at.segmented_control(key="spread").select("level").run()
    names = [t["name"] for t in json.loads(charts(at)[0].proto.spec)["data"]]
    assert names == ["selected", "random", "same lengths"]


def test_a_preview_says_how_much_it_shares_with_a_saved_selection(finished):
    at = open_page("select")
    at.slider(key="percent").set_value(25)
    at.selectbox(key="policy").select("top").run()
    box = at.selectbox(key="second")
    box.select(box.options[1]).run()
    assert "Shared rows 100%" in words(at)


def test_an_impossible_selection_is_told_in_words(copied):
    path = next(copied.glob("score-*/scores.parquet"))
    frame = pd.read_parquet(path)
    frame["score"] -= 1e6
    frame.to_parquet(path)
    assert "scores are negative" in words(open_page("select"))


def test_a_selection_is_saved_shown_with_its_card_and_written(copied):
    at = open_page("select")
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    assert len(list(copied.glob("select-soft-*"))) == 1
    field(at, "Name").set_value("quarter").run()
    at.toggle(key="card").set_value(True).run()
    assert "# quarter" in words(at)
    assert len(at.get("download_button")) == 2
    folder = copied.parent / "exports" / "quarter"
    assert not folder.exists()
    button(at, "Write the folder").click().run()
    assert len((folder / "data.jsonl").read_text().splitlines()) == 3
    assert (folder / "provenance.json").is_file()
    button(at, "Write the folder").click().run()
    assert "exists already" in words(at)


@pytest.mark.parametrize("folder", ["../escape", "/etc/x", "a/b", "..", ""])
def test_an_export_cannot_leave_its_folder(copied, folder):
    at = open_page("select")
    field(at, "Name").set_value(folder).run()
    assert "cannot be exported" in words(at)
    assert not [b for b in at.button if b.label == "Write the folder"]


def test_the_playground_shows_what_a_head_changes(finished):
    at = open_page("playground")
    names = ["Loss as it is", "The circuit", "Random heads of these layers"]
    assert [metric.label for metric in at.metric] == names
    assert len(at.get("html")) == 3
    at.multiselect(key="off").set_value(["L0H0", "L1H2"]).run()
    assert "(L0H0, L1H2)" in words(at)
    assert [metric.label for metric in at.metric] == [names[0], "Chosen heads", *names[1:]]
    assert "Chosen heads +0.000" not in words(at)
    assert len(at.get("html")) == 4, "a strip of every set, and of the unchanged model"
    (place,) = [box for box in at.selectbox if box.label == "Token looked at"]
    rises = [float(option.rpartition("(")[2].rstrip(")")) for option in place.options]
    assert rises[place.value] == max(rises) > 0, "it starts at the token that suffers most"


def test_the_playground_holds_the_circuit_against_itself_without_idle_heads(copied):
    path = next(copied.glob("heads-exact-*/heads.json"))
    content = json.loads(path.read_text())
    first, second = sorted(content["heads"], key=lambda h: h["rank"])[:2]
    first["idle"] = True
    path.write_text(json.dumps(content))
    at = open_page("playground")
    assert [m.label for m in at.metric][2] == "The circuit without idle heads"
    assert f"({name(second)})" in words(at)


def test_the_playground_takes_the_circuit_a_draw_and_a_typed_problem(finished):
    circuit = {name(h) for h in heads_by_rank(finished) if h["selected"]}
    at = open_page("playground")
    button(at, "The circuit").click().run()
    assert set(at.multiselect(key="off").value) == circuit
    button(at, "A random draw").click().run()
    drawn = set(at.multiselect(key="off").value)
    assert len(drawn) == len(circuit)
    assert drawn != circuit
    at.selectbox(key="from").select("type one").run()
    at.text_area(key="typed").set_value("Tom has <b>3</b> pens.").run()
    assert "\\<b\\>3\\<\\/b\\>" in markdown_of(at)
    assert "let the model write one" in words(at)
    button(at, "Let the model answer").click().run()
    assert "model's own answer" in words(at)
    assert not at.exception


def test_the_playground_decodes_on_request_only_and_marks_the_answer(finished, monkeypatch):
    decoded = []
    real = ablated.decode_sets
    monkeypatch.setattr(ablated, "decode_sets", lambda *a, **k: decoded.append(1) or real(*a, **k))
    at = open_page("playground")
    at.multiselect(key="off").set_value(["L0H0"]).run()
    assert "Loss as it is" in words(at)
    assert not decoded
    at.slider(key="n_new").set_value(16).run()
    button(at, "Let the model answer").click().run()
    assert decoded
    assert "As it is" in words(at)
    assert len([m for m in at.markdown if "-badge[" in m.value]) == 4, "each is right or wrong"
    button(at, "Stop").click().run()
    assert [b.label for b in at.button if b.label == "Let the model answer"]


def test_an_answer_in_pieces_is_the_answer_at_once(finished):
    model = passes.loaded_model(str(finished.parent / "tiny"))
    ids = ablated.prompt_ids(model, ablated.problem("1+1?"))
    pieces = [*ablated.answer_pieces(model, ids, ablated.INTACT, n_new=30)]
    assert all(whole[: len(part)] == part for part, whole in pairwise(pieces))
    ((whole,),) = decode_sets(passes.engine_of(model), [ids], [()], max_new_tokens=30)
    assert pieces[-1] == tuple(whole)


def test_the_validation_page_says_the_verdict_and_its_numbers(finished):
    report = result(finished, "validate-*/validation.json")
    at = open_page("validate")
    shown = words(at)
    assert as_markdown(report["verdict"], maths=False) in markdown_of(at)
    for measure, title in (("loss", "loss"), ("exact", "exact solutions")):
        p = report["effect"][measure]["p"]
        assert f"p by {title} {p:.3f}" in shown
    (costs,) = [d.value for d in at.dataframe if "heads made uniform" in d.value]
    losses = dict(zip(costs["heads made uniform"], costs["loss"], strict=True))
    assert losses["circuit uniform"] == pytest.approx(report["circuit"]["loss"])
    assert losses["unchanged model"] == pytest.approx(report["base"]["loss"])
    mean = next(value for name, value in losses.items() if "random" in name)
    assert mean == pytest.approx(np.mean(report["random"]["loss"]))
    assert f"against {report['n_random']} random sets" in shown
    assert [b.label for b in at.get("download_button")] == ["HTML report"]


def job_of(stage: str, status: str, tmp_path, **output) -> Job:
    (tmp_path / "out.txt").write_text(json.dumps(output))
    return Job(tmp_path, stage, f"{stage} of it", ("workbench", stage), True, 0.0, status)


def test_the_overview_says_what_is_running_rather_than_to_do(
    copied, no_demo, monkeypatch, tmp_path
):
    for folder in [*copied.glob("score-*"), *copied.glob("select-*")]:
        shutil.rmtree(folder)
    badges = [m.value for m in open_page().markdown if "-badge[" in m.value]
    assert sum("to do" in badge for badge in badges) == 2
    job = job_of("score", "running", tmp_path)
    monkeypatch.setattr("apps.jobs.job.every_job", lambda root: [job])
    at = open_page()
    badges = [m.value for m in at.markdown if "-badge[" in m.value]
    assert sum("to do" in badge for badge in badges) == 1
    assert sum("running" in badge for badge in badges) == 1
    assert any(link.proto.label == "Watch it" for link in at.get("page_link"))


def test_a_finished_job_links_to_what_came_of_it(copied, monkeypatch, tmp_path):
    run = next(copied.glob("score-*"))
    job = job_of("score", "finished", tmp_path, run=str(run))
    monkeypatch.setattr("apps.jobs.job.every_job", lambda root: [job])
    monkeypatch.setattr("apps.jobs.listing.every_job", lambda root: [job])
    links = [link.proto for link in open_page("run").get("page_link")]
    (found,) = [link for link in links if link.label.startswith("Open")]
    assert run.name[-8:] in found.label


def test_the_end_of_the_log_of_a_running_job_is_at_hand(copied, monkeypatch, tmp_path):
    job = job_of("score", "running", tmp_path)
    (tmp_path / "log.txt").write_text("read 12 rows of rows.jsonl")
    monkeypatch.setattr("apps.jobs.job.every_job", lambda root: [job])
    monkeypatch.setattr("apps.jobs.listing.every_job", lambda root: [job])
    assert "read 12 rows of rows.jsonl" in words(open_page("run"))


def test_the_title_of_a_job_says_what_it_works_on_and_how():
    words = ["score", "--model=/m/tiny", "--data=/d/rows.jsonl", "--method=air", "--drop-sink"]
    assert what_of(words) == "model tiny, data rows.jsonl, method air"


@pytest.mark.parametrize("page", ["samples", "tokens", "select", "validate"])
def test_no_chart_has_a_toolbar_over_its_title(finished, page):
    found = charts(open_page(page))
    assert found
    assert {json.loads(chart.proto.config)["displayModeBar"] for chart in found} == {False}
