"""The dataset card: front matter that parses, and no way for foreign text to act in it."""

from dataclasses import replace

import pytest
import yaml

from workbench.scoring import SCORERS
from workbench.selection.card import Contents, dataset_card, size_category


def contents(**changes):
    given = {
        "name": "sums",
        "data_file": "data.jsonl",
        "format": "messages",
        "n_input": 200,
        "n_selected": 20,
        "sources": {"b.jsonl": (50, 15), "a.jsonl": (150, 5)},
        "has_trainers": True,
    }
    return Contents(**(given | changes))


def front_matter(card):
    _, front, _ = card.split("---\n", 2)
    return yaml.safe_load(front)


def test_the_front_matter_names_the_data_file_and_the_size():
    front = front_matter(dataset_card(contents(), {"method": "circuitseer"}))
    files = [{"split": "train", "path": "data.jsonl"}]
    assert front["configs"] == [{"config_name": "default", "data_files": files}]
    assert front["size_categories"] == ["n<1K"]
    assert front["tags"] == ["circuit-workbench", "data-selection", "circuitseer"]


@pytest.mark.parametrize("name", ["a: b", '"quoted"', "---\nx: 1", "# no", "- é 漢", "{{x}}"])
def test_any_name_survives_the_front_matter(name):
    card = dataset_card(contents(name=name), {"method": "x: [y]\n"})
    assert front_matter(card)["pretty_name"] == name
    assert set(front_matter(card)) == {
        *("pretty_name", "license", "task_categories", "tags", "size_categories", "configs")
    }


def test_licence_language_and_task_are_those_given_and_an_unknown_licence_is_said():
    front = front_matter(dataset_card(contents(license="mit", language="en"), {}))
    assert (front["license"], front["language"]) == ("mit", ["en"])
    assert front["task_categories"] == ["text-generation"]
    assert "None was given for this card" not in dataset_card(contents(license="mit"), {})
    unknown = dataset_card(contents(), {})
    assert front_matter(unknown)["license"] == "unknown"
    assert "None was given for this card" in unknown


def test_rows_without_a_completion_are_told():
    assert "7 rows without a completion stand in" in dataset_card(contents(n_aside=7), {})
    assert "nothing for a trainer" in dataset_card(contents(prompts_alone=True), {})


def test_counts_and_mix_are_shown():
    card = dataset_card(contents(), {})
    assert "| 200 | 20 | 10.0 % |" in card
    assert "| a.jsonl | 150 | 75.0 % | 5 | 25.0 % |" in card
    assert card.index("| a.jsonl") < card.index("| b.jsonl")


def test_the_settings_and_the_known_bias_are_shown():
    provenance = {
        "method": "loss",
        "policy": "top",
        "budget": {"n": 5},
        "seed": 0,
        "texts": "SECRET",
    }
    card = dataset_card(contents(), provenance)
    assert "| policy | top |" in card
    assert "| seed | 0 |" in card
    assert '| budget | {"n":5} |' in card
    assert "The highest losses are often broken" in card
    assert "SECRET" not in card


@pytest.mark.parametrize("method", SCORERS.values(), ids=list(SCORERS))
def test_the_card_of_any_method_tells_its_bias_and_the_options_it_exports(method):
    card = dataset_card(contents(), {"method": method.name, **dict.fromkeys(method.exported, 3)})
    assert method.bias in card
    shown = [name.replace("_", "\\_") for name in method.exported]
    assert all(f"| {name} | 3 |" in card for name in shown)


def test_where_quotas_are_the_budget_there_is_no_other():
    card = dataset_card(contents(), {"policy": "top", "budget": {}, "quota": ["source=a:2"]})
    assert "| budget |" not in card
    assert "source=a:2" in card


def test_the_bias_of_a_new_method_is_that_of_its_record(monkeypatch):
    assert "No bias of this score" in dataset_card(contents(), {"method": "new"})
    new = replace(SCORERS["length"], name="new", bias="Only its own record says this.")
    monkeypatch.setitem(SCORERS, "new", new)
    assert new.bias in dataset_card(contents(), {"method": "new"})


def test_what_the_score_follows_on_these_data_is_told():
    follows = {"length": [-0.9, None], "digit_share": [0.5, 0.4]}
    card = dataset_card(contents(), {"method": "loss", "follows": follows})
    assert "with length -0.90: a high score also means a shorter text." in card
    assert "with share of digits +0.50 (+0.40 with length held fixed)" in card
    assert "Spearman" not in dataset_card(contents(), {"method": "loss", "follows": None})


def test_idle_heads_that_a_score_rests_on_are_named():
    provenance = {"method": "circuitseer", "circuit": ["18.8", "7.2", "1.0"]}
    assert "idle" not in dataset_card(contents(), {**provenance, "idle": None})
    assert "idle" not in dataset_card(contents(), {**provenance, "idle": []})
    card = dataset_card(contents(), {**provenance, "idle": ["18.8", "<b>"]})
    assert "2 of the 3 heads scored with are idle (18.8, &lt;b&gt;)" in card


def test_a_hostile_source_name_stays_one_inert_cell():
    card = dataset_card(contents(sources={"a|b\n# <script>x</script>": (200, 20)}), {})
    (line,) = [line for line in card.splitlines() if "x&lt;" in line]
    assert "<script>" not in card
    assert line == "| a\\|b \\# &lt;script&gt;x&lt;/script&gt; | 200 | 100.0 % | 20 | 100.0 % |"


def test_many_sources_do_not_make_a_long_card():
    sources = {f"s{i:04}": (i + 1, 1) for i in range(500)}
    card = dataset_card(contents(sources=sources, n_input=125_250, n_selected=500), {})
    assert "| s0499 | 500 |" in card
    assert "s0400" not in card
    # The 470 smallest: 1 + 2 + ... + 470 rows
    assert "| (470 more) | 110685 | 88.4 % | 470 | 94.0 % |" in card


@pytest.mark.parametrize(
    ("n_rows", "category"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10_000, "10K<n<100K"), (10**9, "n>1B")],
)
def test_size_categories(n_rows, category):
    assert size_category(n_rows) == category
