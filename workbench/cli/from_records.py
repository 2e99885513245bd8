"""Options of the command line made of option records, and their values put back into classes.

    @click.command()
    @from_records(LoadOptions, ProbeOptions)
    def build(**settings):
        return chosen(ProbeOptions, settings)

    build(["--n", "8"], standalone_mode=False)

A value that its record does not allow is refused with the record's own sentence, as in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from workbench.options import OptionRecord, records

Options = TypeVar("Options")


class Word(click.Choice):
    """One of a record's choices."""

    def __init__(self, record: OptionRecord) -> None:
        super().__init__(record.choices)
        self.record = record

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.record.allowed(value)


class Whole(click.IntRange):
    """A whole number within a record's bounds; its base class shows them in the help."""

    def __init__(self, record: OptionRecord) -> None:
        super().__init__(*bounds(record))
        self.record = record

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.record.allowed(click.INT.convert(value, param, ctx))


class Number(click.FloatRange):
    """A finite number within a record's bounds; its base class shows them in the help."""

    def __init__(self, record: OptionRecord) -> None:
        super().__init__(*bounds(record))
        self.record = record

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.record.allowed(click.FLOAT.convert(value, param, ctx))


def bounds(record: OptionRecord) -> tuple[Any, Any, bool, bool]:
    return record.low, record.high, record.open_low, record.open_high


def from_records(*what: type | OptionRecord) -> Callable:
    """Options of all the records, in their order; of two with one name the first counts."""
    found: dict[str, OptionRecord] = {}
    for one in what:
        for record in (one,) if isinstance(one, OptionRecord) else records(one):
            found.setdefault(record.name, record)

    def decorate(function: Callable) -> Callable:
        for record in reversed(found.values()):
            function = click_option(record)(function)
        return function

    return decorate


def click_option(record: OptionRecord) -> Callable:
    """One option of the command line; its value arrives under the record's name."""
    is_switch = record.kind is bool
    return click.option(
        record.flag,
        record.name,
        type=None if is_switch else _type(record),
        is_flag=is_switch,
        default=record.default,
        show_default=record.default is not None and (not is_switch or "/" in record.flag),
        multiple=record.many,
        metavar=record.metavar,
        help=record.help,
    )


def _type(record: OptionRecord) -> click.ParamType:
    if record.choices:
        return Word(record)
    bounded = record.low is not None or record.high is not None
    if record.kind is int:
        return Whole(record) if bounded else click.INT
    if record.kind is float:
        return Number(record)
    return click.STRING


def chosen(options: type[Options], settings: Mapping[str, Any]) -> Options:
    """The options of one class out of all that a command was given; the rest are its defaults."""
    names = [record.name for record in records(options)]
    given = {name: settings[name] for name in names if settings.get(name) is not None}
    return options(**given)
