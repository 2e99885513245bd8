"""Workers as processes of this machine.

    backend = Processes(2, environments=[{"OMP_NUM_THREADS": "1"}] * 2)
    worker = backend.start(0)
    worker.send(opening)
    backend.answered([worker]), worker.answer(), worker.stop()

They end with this process, however it ends, and leave it to this one to hear of Ctrl-C.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from workbench.allocator import keep_freed_memory
from workbench.distributed.crew import Seat, WorkerLostError

# Seconds that a process which has closed its end may take to end.
PATIENCE = 5.0


class Processes:
    """`n_workers` processes; `environments[i]` is set in the i-th before it loads anything."""

    def __init__(
        self,
        n_workers: int,
        *,
        environments: Sequence[Mapping[str, str]] | None = None,
        n_sharing: int | None = None,
    ) -> None:
        self.n_workers = n_workers
        self.n_sharing = n_workers if n_sharing is None else n_sharing
        self._environments = environments or [{}] * n_workers

    def start(self, number: int) -> Process:
        return Process(number, self._environments[number])

    def answered(self, busy: Sequence[Process]) -> list[Process]:
        ready = wait([worker.connection for worker in busy])
        return [worker for worker in busy if worker.connection in ready]

    def close(self) -> None:
        """Nothing is left once the workers have been stopped."""


class Process:
    """A process of this machine, and our end of the pipe to it."""

    def __init__(self, number: int, environment: Mapping[str, str]) -> None:
        self.number = number
        # Not forked: CUDA and threads that are running do not survive that.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, dict(environment)), daemon=True
        )
        with _interrupts_held_back():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def send(self, message: Any) -> None:
        # One that has ended is noticed by its missing answer.
        with suppress(OSError):
            self.connection.send(message)

    def answer(self) -> tuple[bool, Any]:
        try:
            return self.connection.recv()
        except (EOFError, OSError) as err:
            self._process.join(timeout=PATIENCE)
            raise WorkerLostError(f"it ended with code {self._process.exitcode}") from err

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process started inside never hears of Ctrl-C, which goes to the whole group."""
    # It would let interrupts through again, if it were not running yet.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, environment: Mapping[str, str]) -> None:
    """The life of a worker."""
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()
    seat = Seat()
    with suppress(EOFError, BrokenPipeError):
        while True:
            connection.send(seat(connection.recv()))


def _end_with_parent() -> None:
    """Also in the middle of a piece, which would hold a GPU that the next run needs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
