"""Workers as actors of a Ray cluster.

    gpus_each(8, 4, is_spread=True)  # 2.0, for each of four actors

Ray places actors and tells of those it has lost; which piece is done again is the crew's business,
as with processes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from workbench.allocator import keep_freed_memory
from workbench.distributed.cluster import OF_ONE_MACHINE, joined, the_ray
from workbench.distributed.crew import Seat, WorkerLostError
from workbench.distributed.shares import THREADS, threads_each
from workbench.errors import InputError, first_line
from workbench.options import WorkerOptions


class Actors:
    """`n_workers` actors of one cluster. State: what of it is ours to end."""

    def __init__(
        self, asked: WorkerOptions, *, uses_gpus: bool = True, is_spread: bool = False
    ) -> None:
        self._owned = ExitStack()
        if not the_ray(OF_ONE_MACHINE if asked.address is None else {}).is_initialized():
            self._owned.enter_context(joined(asked))
        try:
            self._share(asked.workers, uses_gpus=uses_gpus, is_spread=is_spread)
        except BaseException:
            self.close()
            raise

    def _share(self, n_asked: int | None, *, uses_gpus: bool, is_spread: bool) -> None:
        """How many workers there are, and what of the cluster each has."""
        nodes = [node["Resources"] for node in the_ray().nodes() if node["Alive"]]
        cores = [n for node in nodes if (n := int(node.get("CPU", 0)))]
        n_gpus = int(sum(node.get("GPU", 0) for node in nodes)) if uses_gpus else 0
        self.n_workers = n_asked or n_gpus or sum(cores) or 1
        self.threads = 1 if n_gpus else threads_each(self.n_workers, cores)
        self._gpus = gpus_each(n_gpus, self.n_workers, is_spread=is_spread)
        of_a_place = self.n_workers / (n_gpus or len(cores) or 1)
        self.n_sharing = max(1, -int(-of_a_place // 1))

    def start(self, number: int) -> Actor:
        resources = {"num_cpus": self.threads, "num_gpus": self._gpus}
        made = the_ray().remote(max_restarts=0, **resources)(_Held)
        # A GPU's worker tokenises with as many threads as it finds.
        told = {} if self._gpus else {THREADS: str(self.threads)}
        return Actor(number, made.remote(told, str(Path.cwd())))

    def answered(self, busy: Sequence[Actor]) -> list[Actor]:
        by_pending = {worker.pending: worker for worker in busy}
        ready, _ = the_ray().wait(list(by_pending), num_returns=1)
        return [by_pending[one] for one in ready]

    def close(self) -> None:
        self._owned.close()


class Actor:
    """An actor, and what it has been asked last."""

    def __init__(self, number: int, handle: Any) -> None:
        self.number, self.handle = number, handle
        self.pending: Any = None

    def send(self, message: Any) -> None:
        self.pending = self.handle.do.remote(message)

    def answer(self) -> tuple[bool, Any]:
        ray = the_ray()
        try:
            return ray.get(self.pending)
        except ray.exceptions.RayError as err:
            raise WorkerLostError(f"Ray says: {first_line(err)}") from err

    def stop(self) -> None:
        the_ray().kill(self.handle)


class _Held:
    """What runs inside an actor."""

    def __init__(self, environment: Mapping[str, str], folder: str) -> None:
        os.environ.update(environment)
        # Where a name is a relative path; another machine need not have the folder.
        with suppress(OSError):
            os.chdir(folder)
        keep_freed_memory()
        self._seat = Seat()

    def do(self, message: Any) -> tuple[bool, Any]:
        return self._seat(message)


def gpus_each(n_gpus: int, n_workers: int, *, is_spread: bool = False) -> float:
    """One, or the share of one that as many workers can have; all that there are, for a spread.

    A share lies on one GPU: of two GPUs three workers have a half each, no two thirds would fit.
    """
    if not is_spread:
        n_sharing = -(-n_workers // n_gpus) if n_gpus else 0
        return int(1e4 / n_sharing) / 1e4 if n_sharing else 0.0
    if n_gpus < n_workers:
        raise InputError(
            f"{n_workers} workers were asked for and a model spread over devices, and the Ray "
            f"cluster has {n_gpus} GPUs",
            expected="a GPU or more for each",
            do="pass fewer --workers, or leave out --device-map",
        )
    return float(n_gpus // n_workers)
