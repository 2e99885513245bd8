"""The command line offers what the records say, and refuses with the words of Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.cli.test_bad_input import assert_refused
from tests.cli.test_help import command_at
from workbench.cli.from_records import chosen, from_records
from workbench.errors import InputError
from workbench.options import (
    CombineOptions,
    DecodingOptions,
    ExportOptions,
    HeadsOptions,
    LoadOptions,
    LocalizeOptions,
    MaskOptions,
    ProbeOptions,
    ReportOptions,
    RetrievalOptions,
    RobustOptions,
    SelectOptions,
    SettingsOptions,
    SpendOptions,
    StepWeights,
    TrialOptions,
    TuneOptions,
    UpdateOptions,
    ValidateOptions,
    check_options,
    option,
    records,
)

ASKED: list[tuple[str, type]] = [
    ("probe build", LoadOptions),
    ("probe build", ProbeOptions),
    ("heads find", HeadsOptions),
    ("heads retrieve", RetrievalOptions),
    ("heads robust", RobustOptions),
    ("heads robust", SettingsOptions),
    ("heads validate", ValidateOptions),
    ("select", SelectOptions),
    ("select", CombineOptions),
    ("export", ExportOptions),
    ("trial", SpendOptions),
    ("trial", TrialOptions),
    ("tune", TuneOptions),
    ("tune", StepWeights),
    ("tune", SpendOptions),
    ("amplify localize", LocalizeOptions),
    ("amplify localize", DecodingOptions),
    ("amplify mask", MaskOptions),
    ("amplify update", UpdateOptions),
    ("amplify report", ReportOptions),
]


@dataclass(frozen=True)
class Asked:
    n: int = option(300, "Number of samples.", low=1)
    share: float | None = option(None, "A share.", low=0, high=1, open_low=True)
    rule: str = option("fast", "How.", choices=("fast", "slow"), flag="--how")
    lrs: tuple[float, ...] = option((1e-4,), "Sizes.", low=0, open_low=True, many=True, flag="--lr")
    loud: bool = option(False, "Say more.")
    end: bool = option(True, "The end.", flag="--end/--no-end")

    def __post_init__(self) -> None:
        check_options(self)


@click.command()
@from_records(Asked)
def command(**settings: Any) -> None:
    click.echo(repr(chosen(Asked, settings)))


def called(*arguments: str) -> Any:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_help_says_defaults_bounds_and_choices():
    shown = " ".join(called("--help").output.split())
    assert "--n INTEGER RANGE Number of samples. [default: 300; x>=1]" in shown
    assert "--share FLOAT RANGE A share. [0<x<=1]" in shown
    assert "--how [fast|slow] How. [default: fast]" in shown
    assert "--lr FLOAT RANGE Sizes. [default: 0.0001; x>0]" in shown
    assert "--loud Say more." in shown
    assert "--end / --no-end The end. [default: end]" in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), Asked()),
        (
            ("--n", "2", "--share", "1", "--how", "slow", "--lr", "1", "--lr", "2", "--loud"),
            Asked(2, 1.0, "slow", (1.0, 2.0), True),
        ),
        (("--no-end",), Asked(end=False)),
    ],
)
def test_values_arrive_in_the_class(arguments, expected):
    done = called(*arguments)
    assert done.exception is None
    assert done.output.strip() == repr(expected)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (("--n", "0"), {"n": 0}),
        (("--share", "nan"), {"share": float("nan")}),
        (("--share", "0"), {"share": 0.0}),
        (("--how", "Fast"), {"rule": "Fast"}),
        (("--lr", "1", "--lr", "-1"), {"lrs": (1.0, -1.0)}),
    ],
)
def test_python_and_the_command_line_refuse_with_one_sentence(arguments, values):
    with pytest.raises(InputError) as in_python:
        Asked(**values)
    assert str(called(*arguments).exception) == str(in_python.value)


def test_what_is_no_number_at_all_is_refused_by_click(workbench):
    assert_refused(workbench("select", "--scores", "s", "--n", "few"), "'few'", "integer", "--n")


@pytest.mark.parametrize(("path", "options"), ASKED, ids=lambda one: getattr(one, "__name__", one))
def test_every_option_of_a_stage_is_offered_with_its_default_and_choices(path, options):
    offered = {p.name: p for p in command_at(tuple(path.split())).params}
    for record in records(options):
        param = offered[record.name]
        assert [*param.opts, *param.secondary_opts] == record.flag.split("/")
        assert param.default == record.default
        if record.choices:
            assert isinstance(param.type, click.Choice)
            assert set(param.type.choices) >= set(record.choices)


def test_score_offers_every_method_and_says_which_reads_what():
    from workbench.scoring import SCORERS

    offered: dict[str, Any] = {str(p.name): p for p in command_at(("score",)).params}
    assert set(offered["method"].type.choices) == set(SCORERS)
    for method in SCORERS.values():
        assert f" {method.name}" in offered["part"].help.replace("(", " ")
        for record in records(method.options):
            assert method.name in offered[record.name].help.split("read by ")[1]
            assert offered[record.name].default == record.default
