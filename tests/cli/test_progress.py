"""An interrupt ends the command, also where a library has swallowed the exception."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from workbench.cli import progress


class Swallowing:
    """An object whose end sends a signal: whatever is raised then is printed and lost."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lost_in_a_callback_comes_with_the_next_step(number, monkeypatch):
    monkeypatch.setattr(progress, "_interrupts", [])
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    bar = progress.Bar()
    try:
        progress.interrupt_on_signals()
        bar(1, 10, "rows")
        passing = Swallowing(number)
        del passing
        with pytest.raises(KeyboardInterrupt):
            bar(2, 10, "rows")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_command_started_with_interrupts_ignored_ignores_them():
    code = """
        import os, signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from workbench.cli.progress import interrupt_on_signals
        interrupt_on_signals()
        os.kill(os.getpid(), signal.SIGINT)
        print("went on")
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "went on\n"
