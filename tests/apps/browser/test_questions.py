"""The questions of docs/app.md on the tour, each answered in a browser by three clicks at most.

There are no runs of one's own and no model was fetched. What one row loses without some heads needs
a model: that question is asked in test_rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.browsing import click_head, settle, visit

pytestmark = pytest.mark.slow
MOST = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(folder / "cache"))
        (folder / "runs").mkdir()
        yield folder / "runs"


@dataclass
class Reader:
    """Somebody at the first page. State: how often they have clicked."""

    page: Any
    clicks: int = 0

    def click(self, what: Any) -> None:
        self.clicks += 1
        assert self.clicks <= MOST
        what.click()
        settle(self.page)

    def opens(self, name: str) -> None:
        self.click(
            self.page.locator("[data-testid=stSidebarNav]").get_by_role(
                "link", name=name, exact=True
            )
        )
        self.page.get_by_role("heading", name=name, exact=True).wait_for()
        settle(self.page)

    def reads(self, label: str) -> str:
        """The number under a label."""
        shown = self.page.get_by_test_id("stMetric").filter(
            has=self.page.get_by_text(label, exact=True)
        )
        return shown.first.get_by_test_id("stMetricValue").inner_text().strip()

    def sees(self, words: str | re.Pattern[str]) -> None:
        self.page.get_by_text(words).first.wait_for()


@pytest.fixture
def reader(page, address):
    visit(page, address)
    return Reader(page)


def test_which_heads_matter_and_are_not_idle(reader):
    reader.opens("Heads")
    reader.click(reader.page.get_by_text("Make a circuit of your own", exact=True))
    reader.click(reader.page.get_by_role("button", name="Above that and not idle"))
    box = reader.page.get_by_test_id("stMultiSelect").filter(has_text="Heads of the circuit")
    chosen = re.findall(r"L\d+H\d+", box.inner_text())
    assert len(chosen) > 5
    assert "L18H8" not in chosen, "it leads the published ablation and contributes nothing"


def test_what_kind_of_head_one_is(reader):
    reader.opens("Heads")
    click_head(reader.page, 7, 2)
    reader.clicks += 1
    reader.sees("L7H2 by sample")
    assert reader.reads("Contribution")
    assert reader.reads("On the first token").endswith("%")


def test_whether_another_ablation_finds_the_same_heads(reader):
    reader.opens("Compare")
    assert reader.reads("Overlap").endswith("%")
    float(reader.reads("Rank correlation"))


def test_whether_the_circuit_matters_more_than_chance(reader):
    reader.opens("Validate")
    reader.sees(re.compile(r"random sets of the same layers"))


def test_which_rows_change_when_the_idle_heads_leave(reader):
    reader.opens("Compare")
    reader.click(reader.page.get_by_role("radio", name="scores", exact=True))
    assert reader.reads("Rows in both") == "400"
    assert reader.reads("Tops in common").endswith("%")


def test_what_the_scores_follow(reader):
    reader.opens("Samples")
    float(reader.reads("Follows length"))


def test_whether_a_score_is_one_token_and_which_head_s_doing(reader):
    reader.opens("Samples")
    reader.click(reader.page.get_by_role("link", name="Its tokens"))
    reader.sees(re.compile(r"of this score is one token"))


def test_where_a_head_looks_in_a_row(reader):
    reader.opens("Samples")
    reader.click(reader.page.get_by_role("link", name="A head on it"))
    reader.page.locator("[class*=st-key-kept] .js-plotly-plot").first.wait_for()


def test_whether_only_shorter_problems_were_chosen(reader):
    reader.opens("Select & export")
    reader.sees("Harder, or only longer or shorter?")
    reader.page.get_by_test_id("stDataFrame").first.wait_for()


def test_which_rows_another_selection_would_take(reader):
    reader.opens("Compare")
    reader.click(reader.page.get_by_role("radio", name="selections", exact=True))
    assert reader.reads("Of the first, shared").endswith("%")


def test_what_a_command_would_cost(reader):
    reader.opens("Run")
    reader.click(reader.page.get_by_role("radio", name="probe", exact=True))
    reader.click(reader.page.get_by_role("button", name="Show the plan"))
    reader.page.get_by_test_id("stMetric").first.wait_for()
