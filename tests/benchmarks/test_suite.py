"""The rows of the benchmarks, their table, and the timing that every ratio rests on."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import Measured, Times, interleaved
from benchmarks.row import Row
from benchmarks.suite import ROWS
from benchmarks.table import BEGIN, END, figure, write_table

ON = {
    "processor": "a processor",
    "cores": 2,
    "threads": 1,
    "memory_gb": 24,
    "gpu": None,
    "versions": {"torch": "2"},
}


def result(value, **details):
    kept = {"value": value, "why_not": "no GPU here", "details": details}
    return {**kept, "runs": 5, "clock": "cpu", "machine": ON}


def test_every_row_has_one_target():
    for row in ROWS.values():
        assert (row.least is None) != (row.most is None)


def test_a_figure_says_whether_the_target_is_met():
    at_least, at_most = Row("", "", None, " x", least=2), Row("", "", None, " s", most=0.5)
    assert at_least.target == "≥ 2 x"
    assert figure(at_least, result(2.0)) == "**2 x**"
    assert figure(at_least, result(1.99)) == "1.99 x (missed)"
    assert figure(at_most, result(0.4)) == "**0.4 s**"
    assert figure(at_most, result(None)) == "not measured: no GPU here"


def test_the_table_stands_between_its_marks_and_the_rest_stays(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        write_table(path, {"race": result(6.5, lowest=6.0, highest=7.0)})
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "**6.5 x** | 6.00 to 7.00 | 5 |" in text
    assert text.count("not measured yet") == len(ROWS) - 1
    assert "a processor, 2 cores" in text


def test_figures_of_a_card_have_a_table_of_their_own(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    write_table(path, {})
    assert "None of these rows has been measured on one yet." in path.read_text(encoding="utf-8")
    on = {**ON, "gpu": "a card"}
    write_table(path, {}, {"replay-768": result(3.5) | {"machine": on, "clock": "wall"}})
    before, _, card = path.read_text(encoding="utf-8").partition("On a graphics card")
    assert "a card" not in before
    assert "**3.5 x**" in card
    assert card.count("not measured yet") == sum(row.on_gpu for row in ROWS.values()) - 1


def test_without_a_card_its_rows_are_refused(run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="no graphics card is here"):
        run.go("--gpu")


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    seconds = [(4.0, 2.0), (9.0, 3.0), (100.0, 1.0)]
    rounds = tuple(
        {"slow": {"cpu": a, "wall": a}, "fast": {"cpu": b, "wall": 2 * b}} for a, b in seconds
    )
    times = Times(rounds)
    assert times.ratio("slow", "fast", "cpu") == 3
    assert times.compared("slow", "fast", "wall").details["highest"] == 50


def test_variants_take_turns_after_a_warm_up():
    order = []
    variants = {name: lambda n=name: order.append(n) for name in "ab"}
    interleaved(variants, runs=3)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command on two rows that count how often they are measured."""
    calls = []

    def row(name):
        def measure(settings):
            calls.append(name)
            return Measured(1.0, {"runs": settings.runs})

        return Row(name, "-", measure, " x", least=1)

    monkeypatch.setattr("benchmarks.suite.ROWS", {name: row(name) for name in ("one", "two")})

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it: put it back afterwards

    def go(*arguments):
        out = ("--out", str(tmp_path / "results.json"))
        monkeypatch.setattr(sys, "argv", ["benchmarks", *out, *arguments])
        command.main()
        return calls

    return SimpleNamespace(go=go, calls=calls)


def test_finished_rows_are_kept(run):
    assert run.go("--only", "one") == ["one"]
    assert run.go() == ["one", "two"]
    assert run.go("--only", "one", "--again") == ["one", "two", "one"]


def test_an_unknown_row_is_named(run):
    with pytest.raises(SystemExit, match="unknown row 'three', expected one of one, two"):
        run.go("--only", "three")
