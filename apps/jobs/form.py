"""A form made of option records: what a command is asked, as widgets, and the answers as flags.

    answers = form(ProbeOptions, keep="probe", first=("n", "strategy"))
    ["probe", "build", *flags_of(ProbeOptions, answers)]      # ["probe", "build", "--n=100"]

Bounds, choices and defaults are those of the record, so a form cannot offer what the command line
does not know. A `Face` says what a page calls an option, where it says more than the record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import streamlit as st

from workbench.errors import InputError
from workbench.options import OptionRecord, records


@dataclass(frozen=True)
class Face:
    """An option as a page shows it; what is empty follows from the record.

    `start` is the value that the form begins with, where that is not the command's default; `unset`
    is what no choice is called.
    """

    label: str = ""
    help: str = ""
    start: Any = None
    key: str = ""
    unset: str = "default"


def form(
    options: type,
    *,
    keep: str,
    only: Sequence[str] = (),
    first: Sequence[str] = (),
    faces: Mapping[str, Face] | None = None,
) -> dict[str, Any]:
    """Draw the fields of `options` (or `only` some, in that order), the `first` in sight.

    The others are folded away; without `first` all are in sight. Answers outlive a change of page
    under keys that begin with `keep`.

    Raises:
        InputError: A value that its record does not allow.
    """
    known = {record.name: record for record in records(options)}
    asked = {name: known[name] for name in only or known}
    faces = faces or {}
    in_sight = [asked[name] for name in first] or list(asked.values())
    answers = _columns(in_sight, keep, faces)
    if rest := [record for record in asked.values() if record not in in_sight]:
        with st.expander("More options"):
            answers |= _columns(rest, keep, faces)
    for name, answer in answers.items():
        asked[name].check(answer)
    return answers


def _columns(asked: Sequence[OptionRecord], keep: str, faces: Mapping[str, Face]) -> dict[str, Any]:
    """The widgets in two columns, line by line; several choices at once need a whole line."""
    wide = [record for record in asked if record.many and record.choices]
    asked = [record for record in asked if record not in wide]
    answers: dict[str, Any] = {}
    for place in range(0, len(asked), 2):
        columns = st.columns(2, vertical_alignment="bottom")
        for column, record in zip(columns, asked[place : place + 2], strict=False):
            with column:
                answers[record.name] = ask(record, keep, faces.get(record.name, Face()))
    for record in wide:
        answers[record.name] = ask(record, keep, faces.get(record.name, Face()))
    return answers


def ask(record: OptionRecord, keep: str, face: Face) -> Any:
    """One option: a toggle, a box of choices, a number within its bounds, or a line of text."""
    label = face.label or record.flag.split("/")[0].lstrip("-").replace("-", " ").capitalize()
    start = record.default if face.start is None else face.start
    how: dict[str, Any] = {
        "key": face.key or f"{keep}_{record.name}",
        "help": face.help or record.help,
        "persist_state": "session",
    }
    if record.kind is bool:
        return st.toggle(label, start, **how)
    if record.many:
        return _ask_several(record, label, start, how)
    if record.choices:
        return _ask_choice(record, label, start, face.unset, how)
    if record.kind in (int, float):
        return _ask_number(record, label, start, how)
    return st.text_input(label, start or "", placeholder=record.metavar, **how) or record.default


def _ask_choice(
    record: OptionRecord, label: str, start: Any, unset: str, how: dict[str, Any]
) -> Any:
    names = [*([unset] if record.default is None else []), *record.choices]
    chosen = st.selectbox(label, names, names.index(unset if start is None else start), **how)
    return None if chosen == unset else chosen


def _ask_several(record: OptionRecord, label: str, start: Any, how: dict[str, Any]) -> Any:
    """Some of the choices, or values as one line of text; at least one where one is the default."""
    if record.choices:
        chosen = tuple(st.multiselect(label, record.choices, list(start), **how))
    else:
        text = st.text_input(label, " ".join(_shown(one) for one in start), **how) or ""
        chosen = _values(record, text)
    if record.default and not chosen:
        raise InputError(f"{label} is empty", expected="at least one value")
    return chosen


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _values(record: OptionRecord, text: str) -> tuple[Any, ...]:
    try:
        return tuple(record.kind(word) for word in text.replace(",", " ").split())
    except ValueError as err:
        expected = "numbers with spaces between"
        raise InputError(f"{record.flag} is '{text}'", expected=expected) from err


def _ask_number(record: OptionRecord, label: str, start: Any, how: dict[str, Any]) -> Any:
    if is_share(record):
        return _ask_percent(record, label, start, how)
    as_kind = record.kind
    value = st.number_input(
        label,
        None if record.low is None else as_kind(record.low),
        None if record.high is None else as_kind(record.high),
        None if start is None else as_kind(start),
        step=1 if as_kind is int else step_of(start),
        format="%d" if as_kind is int else "%g",
        placeholder=Face.unset if record.default is None else None,
        **how,
    )
    return record.default if value is None else as_kind(value)


def _ask_percent(record: OptionRecord, label: str, start: float, how: dict[str, Any]) -> float:
    label = label if "%" in label else f"{label}, %"
    value = st.number_input(label, 0.0, 100.0, round(100 * start, 6), step=1.0, format="%g", **how)
    return round(float(value) / 100, 8)


def is_share(record: OptionRecord) -> bool:
    """Whether a number is a share of something, which people read in percent."""
    return record.help.startswith("Share") and (record.low, record.high) == (0, 1)


def step_of(start: float | None) -> float:
    """The size of one click: a tenth of the number's own size, or its last digit if less."""
    if not start:
        return 0.01
    last_digit = Decimal(f"{start:g}").as_tuple().exponent
    return 10.0 ** min(math.floor(math.log10(start / 2)), int(last_digit))


def flags_of(options: type, answers: Mapping[str, Any]) -> list[str]:
    """`--flag=value` for each answer that differs from the command's default, one word each."""
    asked = [record for record in records(options) if record.name in answers]
    return [
        word
        for record in asked
        if answers[record.name] != record.default
        for word in _words(record, answers[record.name])
    ]


def _words(record: OptionRecord, value: Any) -> list[str]:
    on, _, off = record.flag.partition("/")
    if record.kind is bool:
        return [on if value else off]
    return [f"{on}={one}" for one in (value if record.many else (value,))]
