"""How rows of data are read: which columns hold what, where that is not to be recognised.

ReadOptions(prompt_column="task", completion_column="worked")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.options.record import OptionRecord, check_options, option, records

GENERATIONS = ("first", "all", "correct")
CONTROL = "control"
OF_CONTROL = ("prompt_column", "completion_column", "system_column", "text_column", "text_lines")


@dataclass(frozen=True)
class ReadOptions:
    """Columns by name; what is None follows from the row's shape.

    A `.txt` file is one document, or with `text_lines` a document a line.
    `generation` None reads the first of several generations, and a conversation before a list of
    them. `whose` says what the options are of where they are not of `--data`: the control.
    """

    shape: str | None = option(None, "Row shape, when it is not to be recognised.", metavar="SHAPE")
    prompt_column: str | None = option(None, "Column of the prompt.", metavar="COLUMN")
    completion_column: str | None = option(None, "Column of the completion.", metavar="COLUMN")
    system_column: str | None = option(None, "Column of the system prompt.", metavar="COLUMN")
    text_column: str | None = option(
        None, "Column of plain text, which is read without prompt and completion.", metavar="COLUMN"
    )
    text_lines: bool = option(False, "Read each line of a .txt file as a document of its own.")
    generation: str | None = option(
        None,
        "Of several generations a row: the first, all, or those marked correct, each as a row of "
        "its own; default: the first.",
        choices=GENERATIONS,
    )
    whose: str = ""

    def __post_init__(self) -> None:
        check_options(self)
        others = (self.shape, self.prompt_column, self.completion_column, self.system_column)
        if self.text_column is not None and others != (None,) * len(others):
            raise InputError(
                f"{self.flag('text_column')} is '{self.text_column}' and another part of the row "
                "is named too",
                expected="plain text, or a prompt with its completion",
                do="leave out one of them",
            )

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for, by name; empty where rows are recognised."""
        values = vars(self)
        asked = [r.name for r in records(ReadOptions) if values[r.name] != r.default]
        return {f"{self._whose}{name}": values[name] for name in asked}

    def flag(self, name: str) -> str:
        """What the option `name` is called on the command line."""
        return f"--{self._whose}{name}".replace("_", "-")

    @property
    def _whose(self) -> str:
        return f"{self.whose}_" if self.whose else ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> ReadOptions:
        """The options among the settings of a run; those of version 0.1 hold a shape at most."""
        names = [record.name for record in records(cls)]
        return cls(**{name: stored[name] for name in names if stored.get(name) is not None})


def control_records() -> tuple[OptionRecord, ...]:
    """The options of how control data is read: named, like their values, for `control_how`."""
    return tuple(
        dataclasses.replace(
            record,
            name=f"{CONTROL}_{record.name}",
            flag=f"--{CONTROL}-{record.flag[2:]}",
            help=f"As {record.flag}, of the control data.",
        )
        for record in records(ReadOptions, *OF_CONTROL)
    )


def control_how(settings: Mapping[str, Any]) -> ReadOptions:
    """How control data is read, among the values of a command's options."""
    return ReadOptions(
        **{name: settings[f"{CONTROL}_{name}"] for name in OF_CONTROL}, whose=CONTROL
    )


RECOGNISED = ReadOptions()
"""Nothing asked for: every row is read by its shape."""
