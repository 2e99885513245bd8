"""The few ways a request can be wrong, each with one sentence a person can act on.

raise InputError("fraction is 2", expected="a number in (0, 1]", do="pass --fraction 0.1")
"""

from __future__ import annotations

import os
from typing import Any


class WorkbenchError(Exception):
    """Something the user can mend; the message is one or two sentences, never a traceback."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """So that an error of another process arrives whole, whatever its class is made of."""
        return _as_raised, (type(self), str(self), vars(self))


def _as_raised(kind: type[WorkbenchError], message: str, details: dict[str, Any]) -> WorkbenchError:
    err = kind.__new__(kind, message)
    vars(err).update(details)
    return err


class InputError(WorkbenchError):
    """Wrong usage or input: what was wrong with the value, what was expected, what to do."""

    exit_code = 2

    def __init__(self, problem: str, *, expected: str = "", do: str = ""):
        parts = [problem]
        if expected:
            parts.append(f"expected {expected}")
        message = ", ".join(parts)
        super().__init__(f"{message}; {do}" if do else message)


class ModelRefusedError(InputError):
    """The model cannot be worked on; the message says which check failed and by how much."""


class NoRoomError(WorkbenchError):
    """The smallest piece of the work does not fit the device's memory; `reason` is what it said."""

    def __init__(self, what: str, *, reason: str):
        self.reason = reason
        super().__init__(
            f"{what} does not fit the memory ({reason}); leave out the longest rows, or pass "
            "--dtype bfloat16 or another --device"
        )


class RunBusyError(WorkbenchError):
    """Another process holds the run's lock."""


def kind_of(err: Exception) -> str:
    """What the system said, as `Too many open files`; of another error its class."""
    return os.strerror(err.errno) if isinstance(err, OSError) and err.errno else type(err).__name__


def first_line(err: Exception) -> str:
    """What another library said, short enough to stand in a sentence of ours."""
    return (str(err).strip() or type(err).__name__).splitlines()[0][:200]
