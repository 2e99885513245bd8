"""The engine that a stage's passes run on, in this process or in several.

    engine = engine_of(source)
    with open_engines(EngineOpening(source), WorkerOptions(workers=1)) as engines:
        dict(engines.results([("by free memory", batch_tokens)]))

A piece of work is a function of an engine and of what it carries along (`functools.partial` of a
module's function), so it gives the same bytes wherever it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch

from workbench.ahead import ahead
from workbench.distributed import (
    Actors,
    Backend,
    Crew,
    Key,
    Processes,
    Work,
    gpus_of,
    share_of_gpus,
    threads_each,
)
from workbench.distributed.shares import THREADS, VISIBLE
from workbench.engines import Engine, batch_tokens, choose_engine
from workbench.errors import InputError
from workbench.models import Model, ModelSource
from workbench.options import ALONE, WorkerOptions
from workbench.runs import package_versions
from workbench.types import ModelInfo, Progress, no_progress


def engine_of(source: ModelSource) -> Engine:
    """The model of `source`, loaded if it is not yet, on the engine that was asked for."""
    return choose_engine(source.load(), source.engine)


@dataclass(frozen=True)
class EngineOpening:
    """How any process comes by the same engine; `choose` None takes the one that `source` names."""

    source: ModelSource
    choose: Callable[[Model], Engine] | None = None
    versions: Mapping[str, str] = field(default_factory=package_versions)

    def __call__(self) -> Engine:
        if (here := package_versions()) != self.versions:
            other = sorted(
                k for k in {*here, *self.versions} if here.get(k) != self.versions.get(k)
            )
            raise InputError(
                f"a worker has other versions than this process ({', '.join(other)})",
                expected="the same packages on every machine",
                do="install them by constraints.txt",
            )
        return self.choose(self.source.load()) if self.choose else engine_of(self.source)


@dataclass
class Noted:
    """What did not fit, in any of the processes."""

    halvings: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Described:
    """Of an engine what can be told without it."""

    info: ModelInfo
    n_ctx: int
    found: Mapping[str, Any]
    facts: Mapping[str, Any]


def described(engine: Engine) -> Described:
    """A function of the module, as all work is: a bound method Ray would send by its code."""
    model = engine.model
    return Described(model.info, model.n_ctx, dict(engine.found), dict(engine.facts))


class Engines:
    """Where the pieces of a run's work are done: here, or by the workers of a crew.

    Has what a run keeps of a model (`workbench.runs.Loaded`), also when the workers have ended.
    """

    def __init__(
        self, said: Described, *, engine: Engine | None = None, crew: Crew | None = None
    ) -> None:
        self.said, self._engine, self._crew = said, engine, crew
        self.memory: Any = engine.memory if engine else Noted()

    @property
    def alone(self) -> bool:
        """Whether the work is done in this process."""
        return self._crew is None

    @property
    def info(self) -> ModelInfo:
        return self.said.info

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.said.facts

    @property
    def details(self) -> dict[str, Any]:
        """Of the workers, for the manifest; nothing where the work is done here."""
        if self._crew is None:
            return {}
        backend = self._crew.backend
        return {
            "workers": {
                "backend": "ray" if isinstance(backend, Actors) else "local",
                "n": backend.n_workers,
                "lost": list(self._crew.lost),
            }
        }

    @property
    def note(self) -> str:
        """What a line of progress says of workers that were lost."""
        lost = self._crew.lost if self._crew else []
        return f" ({len(lost)} workers lost, the last: {lost[-1]})" if lost else ""

    def batch_tokens(self) -> int:
        """By free memory; by the least of several processes, once all have loaded the model."""
        found = []
        if self._engine is not None:
            found.append(batch_tokens(self._engine))
        if self._crew is not None:
            n_sharing = self._crew.backend.n_sharing
            found += self._crew.everyone(partial(batch_tokens, n_sharing=n_sharing))
        return min(found)

    def ahead(self, works: Iterable[tuple[Key, Work]]) -> Iterator[tuple[Key, Work]]:
        """The works, each read and prepared in a thread while the one before is done here.

        Where others do them they are read as they are: whoever waits for one is another process.
        """
        if self._engine is None or self._crew is not None:
            return iter(works)
        # A tokenizer is not to be used by two threads.
        model = replace(self._engine.model, tokenizer=deepcopy(self._engine.model.tokenizer))
        return ahead((key, _prepared(work, model)) for key, work in works)

    def results(self, works: Iterable[tuple[Key, Work]]) -> Iterator[tuple[Key, Any]]:
        """Keys and what was found, as it is done; `works` is read as there is somebody free."""
        if self._crew is None:
            yield from ((key, work(self._engine)) for key, work in works)
            return
        for key, (found, halvings) in self._crew.results((key, _Watched(w)) for key, w in works):
            self.memory.halvings += halvings
            yield key, found


@runtime_checkable
class Preparable(Protocol):
    """Work of which a part needs the model's tokenizer alone, not its passes."""

    def prepared(self, model: Model) -> Work: ...


def _prepared(work: Work, model: Model) -> Work:
    return work.prepared(model) if isinstance(work, Preparable) else work


@dataclass(frozen=True)
class _Watched:
    """Work with what did not fit in it."""

    work: Work

    def __call__(self, engine: Engine) -> tuple[Any, list[dict[str, Any]]]:
        before = len(engine.memory.halvings)
        found = self.work(engine)
        return found, engine.memory.halvings[before:]


@contextmanager
def open_engines(
    opening: EngineOpening,
    workers: WorkerOptions = ALONE,
    *,
    engine: Engine | None = None,
    on_progress: Progress = no_progress,
) -> Iterator[Engines]:
    """The engines of a run; those of other processes end with the block.

    `engine` is this process's own, where it needs one besides.
    """
    if workers.alone:
        engine = engine or opening()
        yield Engines(described(engine), engine=engine)
        return
    with Crew(_backend(workers, opening.source), opening, on_progress=on_progress) as crew:
        ((_, said),) = crew.results([("facts", described)])
        yield Engines(said, engine=engine, crew=crew)


def plan_of_workers(workers: WorkerOptions, source: ModelSource, seconds: float) -> dict[str, Any]:
    """What a plan says of its workers; nothing where there are none.

    The seconds are those of one engine, shared out evenly: what holds where each worker has a
    device of its own. How many a cluster has is known when the run begins.
    """
    if workers.alone:
        return {}
    n, threads = workers.workers, None
    if workers.backend == "local" and n:
        threads = threads_each(n, [torch.get_num_threads()])
    shared = None if n is None else round(seconds / n, 1)
    said = {"backend": workers.backend, "n": n, "address": workers.address}
    return {"workers": {**said, "threads": threads, "estimated_seconds": shared}}


def _backend(workers: WorkerOptions, source: ModelSource) -> Backend:
    on_gpus, is_spread = source.device in ("auto", "cuda"), source.device_map is not None
    if workers.backend == "ray":
        if not on_gpus and source.device != "cpu":
            raise InputError(
                f"the device is '{source.device}' and the backend ray",
                expected="auto, cuda or cpu: Ray gives each worker its GPU",
            )
        return Actors(workers, uses_gpus=on_gpus, is_spread=is_spread)
    n = workers.workers or 1
    environment = {THREADS: str(threads_each(n, [torch.get_num_threads()]))}
    gpus = gpus_of(torch.cuda.device_count()) if on_gpus else []
    if not gpus:
        return Processes(n, environments=[environment] * n)
    shares = [share_of_gpus(gpus, n, number, is_spread=is_spread) for number in range(n)]
    return Processes(
        n,
        environments=[environment | {VISIBLE: ",".join(share)} for share in shares],
        n_sharing=-(-n // len(gpus)),
    )
