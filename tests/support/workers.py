"""Openings and work that can be sent to another process, where there is no model to load.

with Crew(Processes(2), open_nothing) as crew:
    crew.everyone(pid_of)
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workbench.errors import InputError, NoRoomError


def open_nothing() -> SimpleNamespace:
    return SimpleNamespace(pid=os.getpid(), n_done=0)


def open_wrongly() -> None:
    raise InputError("the model is 'none'", expected="one", do="pass --model")


def end_while_opening() -> None:
    os._exit(3)


def pid_of(engine: Any) -> int:
    # Longer than it takes to hand out the next piece, so that one worker does not do all.
    time.sleep(0.05)
    return engine.pid


def variable(name: str, engine: Any) -> str | None:
    return os.environ.get(name)


def square(n: int, engine: Any) -> int:
    return n * n


def killed_once(marker: Path, n: int, engine: Any) -> int:
    """As `square`, but the first to come ends the process without a word."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return n * n
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def broken_once(marker: Path, n: int, engine: Any) -> int:
    """As `square`, but the first to come raises what no input can cause."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return n * n
    raise RuntimeError("CUDA error: unspecified launch failure")


def always_broken(engine: Any) -> None:
    raise RuntimeError("no luck\nin many lines")


def refused(engine: Any) -> None:
    raise NoRoomError("one row of 9 tokens", reason="out of memory")


def wait_for_ever(marker: Path, engine: Any) -> None:
    (marker / str(os.getpid())).touch()
    time.sleep(600)


def process_of(engine: Any) -> int:
    """Of any engine's worker."""
    time.sleep(0.05)
    return os.getpid()


def slow_square(n: int, engine: Any) -> int:
    time.sleep(0.5)
    return n * n
