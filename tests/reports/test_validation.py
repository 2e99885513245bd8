"""A validation page names every set once, gives every measure its unit, and has room for heads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.page_parts import parts_of
from workbench.cli.text.heads import print_validation
from workbench.reports import amplification, validation
from workbench.reports.table import Column

DEMO = Path(__file__).resolve().parents[2] / "data/demo_runs"


@pytest.fixture
def report() -> dict:
    path = next(DEMO.glob("validate-*/validation.json"))
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_table_and_the_terminal_name_the_same_sets(report, capsys):
    print_validation(report)
    printed = capsys.readouterr().out
    table = parts_of(validation.measures_table(report)).text
    for name in ("nothing", "the circuit", "50 random sets, mean", "all but the circuit"):
        assert name in table
        assert f"\n{name} " in printed


def test_shares_are_per_cent_and_losses_are_not(report):
    text = parts_of(validation.effect_table(report)).text.replace("\xa0", " ")
    assert "loss, nats per token0.5680.0930.4750.406 to 0.5470.020" in text
    assert "right answers, share90.0%60.1%29.9%" in text


def test_heads_have_a_table_where_something_is_known_of_them(report):
    assert validation.heads_table({**report, "head_facts": None}) == ""
    facts = [
        {"contribution": 0.42, "sink_share": 0.02, "idle": False},
        {"contribution": -0.001, "sink_share": 1.0, "idle": True},
        {"contribution": None, "sink_share": None, "idle": None},
    ]
    text = parts_of(validation.heads_table(report | {"head_facts": facts})).text
    assert "1L2H2+0.4202.0%no2L1H1-0.001100.0%yes3L0H2–––" in text


def test_a_large_circuit_has_a_short_title_and_is_listed_in_full(report):
    page = parts_of(
        validation.validation_page(
            report
            | {"heads": [[0, i] for i in range(9)], "curve": None, "controls": []}
            | {"stability": None, "head_facts": None}
        )
    ).text
    assert "Validation of L0H0, L0H1, L0H2, L0H3, L0H4, L0H5 and 3 more" in page
    assert "L0H7, L0H8." in page
    assert "From another probe" not in page


@pytest.mark.parametrize("column", [*amplification.RESULTS[1:], *validation.HEAD_FACTS])
def test_every_measure_says_what_it_is(column: Column):
    assert column.what
