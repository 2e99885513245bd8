"""Select: quotas, caps, near duplicates and several scores, as the command knows them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from apps.reading.runs import finished_in
from apps.reading.scores import ScoreTable
from apps.views.select.export import select_arguments
from apps.views.select.pool import DrawnFrom, PreviewPool, preview_pool
from tests.apps.conftest import button, look_at, open_page, unescaped, words
from tests.apps.test_large import write_large
from tests.selection.test_select import scores_table
from workbench.cli.main import cli
from workbench.scoring import ScoreRequest
from workbench.selection import read_selection
from workbench.stages import ModelSource, Place, SelectOptions, run_score, run_select

TWIN = "a b c d e f g h i j k l m n o p q r {}"
FIRST, SECOND = "score-length-*", "score-random-*"


@pytest.fixture(scope="module")
def scored(chain, tmp_path_factory) -> Path:
    """Two files scored by length and by chance; rows 0 and 1 of the first are nearly the same."""
    home = tmp_path_factory.mktemp("two")
    for name, n_rows in (("a", 8), ("b", 16)):
        prompts = [TWIN.format(i) if i < 2 else f"{'more ' * i}{name} {i}?" for i in range(n_rows)]
        if name == "b":
            prompts = [f"{'else ' * (i % 5)}{name} {i}+{i}?" for i in range(n_rows)]
        rows = [
            {"id": f"{name}{i}", "problem": prompt, "solution": "1", "level": i % 3}
            for i, prompt in enumerate(prompts)
        ]
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = ModelSource(str(chain.parent / "tiny"), device="cpu")
    data = [str(home / "a.jsonl"), str(home / "b.jsonl")]
    for method in ("random", "length"):
        run_score(Place(home / "runs"), source, data, ScoreRequest.of(method))
    return home / "runs"


@pytest.fixture
def two(scored, tmp_path, monkeypatch) -> Path:
    """A copy of the runs, which the page shows; the scores by length are the newest."""
    root = tmp_path / "runs"
    shutil.copytree(scored, root)
    look_at(root, monkeypatch)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(scored.parent))
    return root


def ask(at, **asked):
    """Set fields by their keys, in this order."""
    for key, value in asked.items():
        kinds = ("selectbox", "multiselect", "number_input", "slider")
        fields = [w for kind in kinds for w in getattr(at, kind) if w.key == key]
        fields[0].set_value(value).run()
        assert [e.message for e in at.exception] == []
    return at


def titled(root: Path, pattern: str) -> str:
    name = next(root.glob(pattern)).name
    return next(run.title for run in finished_in(root) if run.name == name)


CASES = {
    "quotas": (
        {"policy": "top", "budget": "rows", "n_rows": 9, "quota_by": "source"}
        | {"quota_of": ["a.jsonl"], "quota_a.jsonl": 5},
        ["--policy=top", "--n=9", "--quota=source=a.jsonl:5"],
    ),
    "quotas of tokens, by length": (
        {"budget": "tokens", "n_tokens": 200, "quota_by": "length_bin"}
        | {"quota_of": ["1", "10"], "quota_1": 30, "quota_10": 90},
        ["--tokens=200", "--quota=length_bin=1:30", "--quota=length_bin=10:90"],
    ),
    "quotas alone, of a label": (
        {"policy": "random", "budget": "quotas alone", "quota_by": "level"}
        | {"quota_of": ["0", "2"], "quota_0": 2, "quota_2": 4},
        ["--policy=random", "--quota=level=0:2", "--quota=level=2:4"],
    ),
    "a cap on groups": (
        {"policy": "bottom", "budget": "rows", "n_rows": 9, "group_by": "level", "most": 2},
        ["--policy=bottom", "--n=9", "--group-by=level", "--max-per-group=2"],
    ),
    "near duplicates": (
        {"policy": "top", "percent": 50, "alike": 0.7},
        ["--policy=top", "--fraction=0.5", "--near-duplicates=0.7"],
    ),
    "several columns": (
        {"percent": 25, "adjust": ["level", "length", "source"]},
        ["--fraction=0.25", "--adjust=level,length,source"],
    ),
}


def command(root: Path, out: Path, *words: str) -> Path:
    """The folder of what the command draws from the scores by length, in a root of its own."""
    scores = next(root.glob(FIRST))
    asked = ["select", f"--scores={scores}", *words, f"--runs={out}", "--json"]
    answer = CliRunner().invoke(cli, asked, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    (folder,) = out.iterdir()
    return folder


def assert_same(root: Path, folder: Path) -> None:
    """What the page saved has the name and the bytes of the command's."""
    saved = root / folder.name
    for name in ("selection.parquet", "diagnostics.json"):
        assert (saved / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_what_is_saved_is_byte_for_byte_what_the_command_draws(two, tmp_path, name):
    asked, flags = CASES[name]
    at = ask(open_page("select"), **asked)
    button(at, "Save this selection").click().run()
    folder = command(two, tmp_path / "other", *flags)
    assert_same(two, folder)
    n_rows = len(read_selection(folder / "selection.parquet"))
    assert f"Selected {n_rows}" in words(at), "the preview said so before"


def test_several_scores_are_drawn_by_together(two, tmp_path):
    at = open_page("select")
    before = examples(at)
    at = ask(
        at, **{"with": [titled(two, SECOND)], "combine": "max", "policy": "top", "percent": 25}
    )
    assert examples(at) != before, "the rows shown are those of the combined score"
    button(at, "Save this selection").click().run()
    more = [f"--scores={next(two.glob(SECOND))}", "--combine=max"]
    folder = command(two, tmp_path / "other", *more, "--policy=top", "--fraction=0.25")
    assert_same(two, folder)
    assert "max of length, random" in str(at.selectbox(key="saved_selection").value)


def examples(at) -> list[str]:
    return [c.value for c in at.caption if "score" in c.value and "tokens" in c.value]


def test_the_preview_tells_what_came_of_quotas_and_near_duplicates(two):
    at = ask(open_page("select"), policy="top", budget="rows", n_rows=20, alike=0.7)
    assert "Near duplicates left out: 1 rows, for 1 that stay" in words(at)
    at = ask(at, alike=1.0)
    assert "No two rows are so alike" in words(at)
    at = ask(at, quota_by="source", quota_of=["a.jsonl"], **{"quota_a.jsonl": 12})
    table = next(d.value for d in at.dataframe if "asked" in d.value)
    assert table.to_dict("records") == [
        {"source": "a.jsonl", "asked": 12, "in the pool": 8, "taken": 8}
    ]
    assert "4 rows fewer than the budget" in words(at)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"budget": "rows", "n_rows": 3, "quota_by": "source", "quota_of": ["a.jsonl"]}
            | {"quota_a.jsonl": 5},
            "the quotas ask for 5 of a budget of 3",
        ),
        ({"budget": "quotas alone"}, "set quotas under More ways to choose"),
        (
            {"group_by": "level", "quota_by": "source", "quota_of": ["a.jsonl"]},
            "the quotas are of source and the groups of level",
        ),
        (
            {"policy": "length-matched", "group_by": "source", "most": 2},
            "length-matched was asked for with a cap on groups",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_sentence(two, asked, told):
    at = ask(open_page("select"), **asked)
    assert [told in unescaped(e.value) for e in at.error] == [True]
    assert "Save this selection" not in [b.label for b in at.button]


def test_scores_of_other_rows_are_not_combined(two):
    path = next(two.glob(SECOND)) / "scores.parquet"
    frame = pd.read_parquet(path)
    frame.assign(row_sha256="0" * 64).to_parquet(path)
    at = ask(open_page("select"), **{"with": [titled(two, SECOND)]})
    assert [e.value.count("not known to be the same rows") for e in at.error] == [1]


def test_only_scores_of_the_same_data_are_offered(finished):
    assert "with" not in [box.key for box in open_page("select").multiselect]


def test_a_cap_needs_groups_and_near_duplicates_need_texts(two, monkeypatch):
    at = open_page("select")
    assert at.number_input(key="most").disabled
    assert not at.number_input(key="alike").disabled
    assert not ask(at, group_by="source").number_input(key="most").disabled
    monkeypatch.setenv("WORKBENCH_ROOTS", str(two.parent))
    assert open_page("select").number_input(key="alike").disabled


def test_a_job_for_a_large_selection_asks_for_the_same(two, tmp_path, monkeypatch):
    by_name = {run.name.split("-")[1]: run for run in finished_in(two)}
    drawn_from = DrawnFrom(by_name["length"], (by_name["random"],), "product")
    options = SelectOptions(
        *("soft", 0.5), adjust="length,source", group_by="level", max_per_group=3, seed=4
    )
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "job"))
    asked = select_arguments(drawn_from, options, tmp_path / "marks.json")
    answer = CliRunner().invoke(cli, asked, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    (folder,) = (tmp_path / "job").iterdir()
    run_select(Place(two), drawn_from.paths, options, combine="product")
    assert_same(two, folder)


def test_a_preview_of_a_sample_says_what_it_leaves_out(copied):
    write_large(copied, 30_000)
    at = ask(open_page("select"), budget="rows", n_rows=3_000, group_by="source", most=600)
    assert "Selected 1,80" in words(at), "600 of each of three groups, scaled"
    assert not [i for i in at.info if "Too many rows" in i.value]
    at = ask(at, alike=0.8)
    assert "Too many rows for the preview to show this as well: near duplicates" in words(at)


def test_amounts_are_scaled_to_a_sample_or_left_out():
    frame = scores_table(30)
    pool = PreviewPool(frame, share=0.01, measures={})
    asked = SelectOptions(
        *("top", None, 500), quota=("level=a:200", "level=b:0"), near_duplicates=0.8
    )
    scaled, left_out = pool.previewed(asked)
    assert (scaled.n, scaled.quota, scaled.near_duplicates) == (5, ("level=a:2", "level=b:0"), None)
    assert left_out == ["near duplicates"]
    few = SelectOptions("top", quota=("level=a:3",), group_by="level", max_per_group=7)
    scaled, left_out = pool.previewed(few)
    assert (scaled.n, scaled.quota, scaled.max_per_group) == (1, (), None)
    assert left_out == ["the most a group may have", "quotas"]


def test_groups_of_a_column_are_named_as_quotas_name_them(two):
    pool = preview_pool(ScoreTable.open(next(two.glob(FIRST)) / "scores.parquet"), None)
    assert pool.sizes("source") == {"a.jsonl": 8, "b.jsonl": 16}
    assert pool.sizes("level") == {"0": 9, "1": 8, "2": 7}
    assert np.isclose(sum(pool.sizes("length_bin").values()), 20)
