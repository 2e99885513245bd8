"""Pieces of work for several workers, each another process with an engine of its own.

    with Crew(Processes(2), opening) as crew:
        for key, found in crew.results([("first", work), ("second", work)]):
            found

An opening makes the engine, a piece of work is a function of it, and both must be possible to send
to another process. A worker that ends before it answers, or whose work fails, is replaced, and the
piece is done again by whoever is free; what is wrong with the input is raised as it is.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from workbench.errors import WorkbenchError, first_line
from workbench.types import Progress, no_progress

MOST_TRIES = 3
"""As often is a piece begun, and an engine opened in a row, before the run is given up."""

Opening = Callable[[], Any]
Work = Callable[[Any], Any]
Key = TypeVar("Key", bound=Hashable)
_OPENING = "the loading of the model"


class WorkerLostError(Exception):
    """A worker has ended before it answered."""


@runtime_checkable
class Worker(Protocol):
    """Another process; it is sent one thing at a time, and the first is the opening."""

    number: int

    def send(self, message: Opening | Work) -> None: ...

    def answer(self) -> tuple[bool, Any]:
        """What `Seat` gives for the last message, once there is one; else WorkerLostError."""
        ...

    def stop(self) -> None: ...


@runtime_checkable
class Backend(Protocol):
    """Whose processes the workers are; one that replaces another has its number and its place."""

    n_workers: int
    n_sharing: int
    """Workers that share one memory."""

    def start(self, number: int) -> Worker: ...

    def answered(self, busy: Sequence[Any]) -> Sequence[Any]:
        """Those that have answered or ended; waits for the first."""
        ...

    def close(self) -> None: ...


class Seat:
    """What a worker holds: the engine, once the first message has opened it."""

    def __init__(self) -> None:
        self._engine: Any = None

    def __call__(self, message: Opening | Work) -> tuple[bool, Any]:
        """True and what was found, or False and what was raised."""
        try:
            if self._engine is None:
                self._engine = message()  # pyright: ignore[reportCallIssue]
                return True, None
            return True, message(self._engine)  # pyright: ignore[reportCallIssue]
        except Exception as err:
            if not isinstance(err, WorkbenchError):
                err.add_note(traceback.format_exc())
            return False, err


class _Piece(NamedTuple):
    key: Hashable
    work: Work


class Crew:
    """Workers that are alike. State: who is idle, who does what, and what has been lost."""

    def __init__(
        self, backend: Backend, opening: Opening, *, on_progress: Progress = no_progress
    ) -> None:
        self.backend, self.lost = backend, list[str]()
        self._opening, self._on_progress = opening, on_progress
        self._idle: list[Worker] = []
        # None: the worker opens its engine.
        self._busy: dict[Worker, _Piece | None] = {}
        self._again: deque[_Piece] = deque()
        self._tries: Counter[Hashable] = Counter()

    def __enter__(self) -> Crew:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker, whatever it does."""
        for worker in (*self._idle, *self._busy):
            worker.stop()
        self._idle, self._busy = [], {}
        self.backend.close()

    def everyone(self, work: Work) -> list[Any]:
        """The answer of every worker, once all have loaded the model."""
        self._wait_for_all()
        pieces = [((work, number), work) for number in range(self.backend.n_workers)]
        return [found for _, found in self.results(pieces)]

    def results(self, works: Iterable[tuple[Key, Work]]) -> Iterator[tuple[Key, Any]]:
        """Keys and what was found, in the order of finishing; `works` is read as workers are free.

        Raises WorkbenchError for a piece that has failed `MOST_TRIES` times.
        """
        todo = iter(works)
        self._hand_out(todo)
        while self._again or any(self._busy.values()):
            for worker in self.backend.answered(list(self._busy)):
                done = self._settle(worker)
                # Before the answer is looked at: nobody waits for whoever asked.
                self._hand_out(todo)
                if done is not None:
                    yield done

    def _open(self) -> None:
        for number in range(self.backend.n_workers):
            self._start(number)
        self._wait_for_all()

    def _wait_for_all(self) -> None:
        """Until every worker is idle, where nobody has a piece."""
        n_workers = self.backend.n_workers
        while self._busy:
            for worker in self.backend.answered(list(self._busy)):
                self._settle(worker)
                self._on_progress(len(self._idle), n_workers, "workers have loaded the model")

    def _start(self, number: int) -> None:
        worker = self.backend.start(number)
        self._busy[worker] = None
        worker.send(self._opening)

    def _hand_out(self, todo: Iterator[tuple[Any, Work]]) -> None:
        while self._idle and (piece := self._next(todo)) is not None:
            worker = self._idle.pop(0)
            self._busy[worker] = piece
            worker.send(piece.work)

    def _next(self, todo: Iterator[tuple[Any, Work]]) -> _Piece | None:
        if self._again:
            return self._again.popleft()
        following = next(todo, None)
        return None if following is None else _Piece(*following)

    def _settle(self, worker: Worker) -> tuple[Any, Any] | None:
        """The key and the answer of a worker that has done a piece; it is idle then."""
        piece = self._busy.pop(worker)
        try:
            well, found = worker.answer()
        except WorkerLostError as err:
            well, found = False, err
        if not well:
            self._replace(worker, piece, found)
            return None
        self._idle.append(worker)
        self._tries.pop(piece.key if piece else _OPENING, None)
        return None if piece is None else (piece.key, found)

    def _replace(self, worker: Worker, piece: _Piece | None, err: Exception) -> None:
        worker.stop()
        if isinstance(err, WorkbenchError):
            raise err
        said = f"{type(err).__name__}: {first_line(err)}"
        self.lost.append(f"worker {worker.number}: {said}")
        key = piece.key if piece else _OPENING
        self._tries[key] += 1
        if self._tries[key] == MOST_TRIES:
            what = f"part {piece.key}" if piece else _OPENING
            raise WorkbenchError(
                f"{what} has failed {MOST_TRIES} times, the last time with {said}"
            ) from err
        if piece is not None:
            self._again.append(piece)
        self._start(worker.number)
