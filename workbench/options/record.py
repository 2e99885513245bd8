"""One option as a record: its default, its bounds and its sentence of help.

    @dataclass(frozen=True)
    class ProbeOptions:
        n: int = option(300, "Number of samples.", low=1)

        def __post_init__(self) -> None:
            check_options(self)

    [record.flag for record in records(ProbeOptions)]  # ["--n"]

The command line makes its options of these records and the pages their forms, so that neither can
offer what the other does not know.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any, get_args, get_type_hints

from workbench.errors import InputError

OPTION = "option"


@dataclass(frozen=True)
class OptionRecord:
    """What may be chosen for the field `name`, and what a person is told of it.

    `kind` is the type of one value: bool (a switch), int, float or str. `low` and `high` bound
    numbers; `open_low` and `open_high` leave the bound itself out. `many` takes several values.
    None is allowed where it is the default.
    """

    name: str
    flag: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | int | None = None
    high: float | int | None = None
    open_low: bool = False
    open_high: bool = False
    many: bool = False
    metavar: str | None = None

    def check(self, value: Any) -> None:
        """Raise InputError where `value` is not allowed."""
        if value is None and self.default is None:
            return
        for one in (value or ()) if self.many else (value,):
            self.allowed(one)

    def allowed(self, value: Any) -> Any:
        """The one value `value`, or InputError where it is not allowed."""
        if expected := self.problem(value):
            said = f"'{value}'" if isinstance(value, str) else f"{value}"
            do = f"pass another {self.flag}"
            raise InputError(f"{self._subject} {said}", expected=expected, do=do)
        return value

    def problem(self, value: Any) -> str:
        """What was expected instead of the one value `value`; empty where it is allowed."""
        if self.choices:
            known = ", ".join(self.choices)
            return "" if value in self.choices else f"one of {known}"
        if self.kind in (int, float) and not self._within(value):
            return self._range()
        return ""

    @property
    def _subject(self) -> str:
        words = self.name.removeprefix("n_").replace("_", " ")
        if self.many:
            return f"one of the {words} is"
        if self.name.startswith("n_"):
            return f"the number of {words} is"
        return f"{words} is" if len(words) == 1 else f"the {words} is"

    def _within(self, value: Any) -> bool:
        known = Integral if self.kind is int else Real
        if not isinstance(value, known) or not math.isfinite(value):
            return False
        number, low, high = float(value), self.low, self.high
        above = low is None or number > low or (number == low and not self.open_low)
        below = high is None or number < high or (number == high and not self.open_high)
        return above and below

    def _range(self) -> str:
        """The bounds in words."""
        number = "a whole number" if self.kind is int else "a finite number"
        if self.low is not None and self.high is not None and not (self.open_low or self.open_high):
            return f"{number} from {self.low} to {self.high}"
        low = f"above {self.low}" if self.open_low else f"from {self.low} on"
        high = f"below {self.high}" if self.open_high else f"at most {self.high}"
        bounds = [low] * (self.low is not None) + [high] * (self.high is not None)
        return f"{number} {' and '.join(bounds)}".rstrip()


def option(default: Any, help: str, **facts: Any) -> Any:
    """A dataclass field with its facts; `facts` are those of `OptionRecord`, all optional.

    The flag is the field's name with dashes unless given.
    """
    return dataclasses.field(default=default, metadata={OPTION: {"help": help, **facts}})


def records(options: type, *names: str) -> tuple[OptionRecord, ...]:
    """The records of a dataclass, in its order: all, or those of `names`.

    Fields without one are not for people.
    """
    hints = get_type_hints(options)
    return tuple(
        OptionRecord(
            name=field.name,
            kind=_kind(hints[field.name]),
            default=field.default,
            **{"flag": f"--{field.name.replace('_', '-')}", **field.metadata[OPTION]},
        )
        for field in dataclasses.fields(options)
        if OPTION in field.metadata and (not names or field.name in names)
    )


def check_options(options: Any) -> None:
    """Raise InputError for the first value of a dataclass that its record does not allow."""
    for record in records(type(options)):
        record.check(getattr(options, record.name))


def _kind(hint: Any) -> type:
    """The type of one value: `int` of `int | None` and of `tuple[int, ...]`."""
    inner = [arg for arg in get_args(hint) if arg not in (NoneType, Ellipsis)]
    return _kind(inner[0]) if inner else hint
