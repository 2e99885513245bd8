"""Time and memory that a foreign program, a chat template, may take; beyond them it is stopped.

    with bounded("the chat template", seconds=10.0, megabytes=2048):
        ids = tokenizer("1 + 1?")["input_ids"]

Python code is stopped between two of its steps, so a single step that never ends is not: what can
be such a step is refused beforehand (`check_template`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import psutil

from workbench.errors import ModelRefusedError

SECONDS, MEGABYTES = 10.0, 2048
PAUSE = 0.05
LARGEST = 1_000_000
DO = "pass --template none, or take the template out of the tokenizer's files"


class StoppedError(Exception):
    """Raised in the thread whose work has taken too much; the message says what of."""


@dataclass
class Work:
    """What one thread is at: how much of its clock it may use, and memory since the first look."""

    clock: int | None
    until: float
    megabytes: int
    memory: int | None = None
    reason: str = ""

    @property
    def now(self) -> float:
        # Seconds on the CPU: a process that was suspended or had to wait has not worked.
        return time.monotonic() if self.clock is None else time.clock_gettime(self.clock)

    def excess(self) -> str:
        """What there was too much of; nothing as a rule."""
        memory = psutil.Process().memory_info().rss
        self.memory = self.memory or memory
        if self.now > self.until:
            return "time"
        return "memory" if memory - self.memory > self.megabytes * 2**20 else ""


class Watch:
    """A thread that looks now and then at the works in progress; it sleeps while there are none."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._works: dict[int, Work] = {}
        threading.Thread(target=self._look, daemon=True, name="watch").start()

    def begin(self, seconds: float, megabytes: int) -> Work:
        thread = threading.get_ident()
        has_clock = hasattr(time, "pthread_getcpuclockid")
        clock = time.pthread_getcpuclockid(thread) if has_clock else None
        work = Work(clock, 0.0, megabytes)
        work.until = work.now + seconds
        with self._turn:
            self._works[thread] = work
            self._turn.notify()
        return work

    def end(self) -> None:
        """Look no more, and take back what has not been raised yet."""
        with self._turn:
            work = self._works.pop(threading.get_ident(), None)
            if work is not None and work.reason:
                _raise_in(threading.get_ident(), None)

    def _look(self) -> None:
        while True:
            with self._turn:
                while not self._works:
                    self._turn.wait()
                for thread, work in self._works.items():
                    if reason := work.excess():
                        work.reason = reason
                        _raise_in(thread, StoppedError)
            time.sleep(PAUSE)


@cache
def _watch(_process: int) -> Watch:
    """One a process: a thread does not live on in a fork."""
    return Watch()


def _raise_in(thread: int, kind: type[Exception] | None) -> None:
    what = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)


@contextlib.contextmanager
def bounded(
    what: str, *, seconds: float | None = None, megabytes: int | None = None
) -> Iterator[None]:
    """ModelRefusedError where the block takes more CPU time or memory than it may."""
    seconds, megabytes = seconds or SECONDS, megabytes or MEGABYTES
    watch = _watch(os.getpid())
    work = watch.begin(seconds, megabytes)
    try:
        with contextlib.suppress(StoppedError):
            yield
    finally:
        _end(watch)
    if work.reason:
        limit = f"{seconds:g} s" if work.reason == "time" else f"{megabytes} MB"
        raise ModelRefusedError(
            f"{what} takes more {work.reason} than a row may ({limit})",
            expected="a template that writes a conversation",
            do=DO,
        )


def _end(watch: Watch) -> None:
    """End the watch, also where the exception arrives while that is being done."""
    while True:
        try:
            return watch.end()
        except StoppedError:
            continue


def check_template(name: str, template: Any) -> None:
    """ModelRefusedError for a chat template with a step that no clock could stop, or that is none.

    That is a power, and a product or a width with a number of seven digits.
    """
    texts = list(template.values()) if isinstance(template, dict) else [template]
    for text in texts:
        if not isinstance(text, str):
            _refuse_template(name, f"is {type(text).__name__}")
        for kind, token, before in _tokens(text):
            if token == "**" and before not in ("(", ","):
                _refuse_template(name, "computes a power")
            if kind == "integer" and (len(token) > 20 or int(token, 0) > LARGEST):
                _refuse_template(name, f"has the number {token[:20]}")


def _tokens(text: str) -> Iterator[tuple[str, str, str]]:
    """Kind and text of the operators and numbers of a template, and the text before each."""
    from jinja2 import Environment, TemplateSyntaxError

    before = ""
    with contextlib.suppress(TemplateSyntaxError):
        for _, kind, value in Environment().lex(text):
            if kind in ("operator", "integer"):
                yield kind, value, before
            before = value if kind != "whitespace" else before


def _refuse_template(name: str, what: str) -> None:
    raise ModelRefusedError(
        f"the chat template of model '{name}' {what}",
        expected="a template that writes a conversation",
        do=DO,
    )
