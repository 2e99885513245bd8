"""A progress bar on stderr, and the place where a lost interrupt is found again.

place = Place(Path("runs"), Bar())
"""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

import click

_interrupts: list[int] = []


def interrupt_on_signals() -> None:
    """Ctrl-C and SIGTERM end the command.

    An exception raised while another library calls back, or while an object is deleted, is printed
    and lost; the bar raises it again with its next step. A shell that started the command with
    SIGINT ignored (`nohup`, `&` in a script) is obeyed.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


class Bar:
    """Progress on one line of stderr: share, what is being done, time left; once per `PAUSE`."""

    PAUSE = 0.2

    def __init__(self) -> None:
        self._started = self._shown = 0.0
        self._first = 0

    def __call__(self, done: int, total: int, text: str) -> None:
        if _interrupts:
            raise KeyboardInterrupt
        now = time.monotonic()
        if not self._started or done <= self._first:
            self._started, self._first = now, done
        last = done >= total
        if now - self._shown < self.PAUSE and not last:
            return
        self._shown = now
        left = ""
        if done > self._first and not last:
            seconds = (now - self._started) / (done - self._first) * (total - done)
            left = f", {_minutes(seconds)} left"
        line = f"  {done / max(total, 1):4.0%}  {text}{left}"
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{line}", nl=last, err=True)
        elif last:
            click.echo(line, err=True)
        if last:
            self._started = 0.0


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
