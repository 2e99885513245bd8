"""Workers as actors of a Ray cluster; nothing else in the workbench knows Ray.

    gpus_each(8, 4, is_spread=True)  # 2.0, for each of four actors

Ray places actors and tells of those it has lost; which piece is done again is the crew's business,
as with processes. Without an address a cluster of this machine is started, on the loopback alone
and without dashboard, and ended again.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from workbench.allocator import keep_freed_memory
from workbench.distributed.crew import Seat, WorkerLostError
from workbench.distributed.shares import THREADS, threads_each
from workbench.errors import InputError, WorkbenchError, first_line
from workbench.options import WorkerOptions

# Rows go out and scores come back, a part at a time.
STORE_BYTES = 512 * 2**20
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # What CUDA_VISIBLE_DEVICES says for actors without GPUs stays as it is, with no warning.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Ray takes 127.0.0.1 for this machine's address on its network, and listens on all of them, unless
# it is told, before it is imported, to know no clusters: its default on macOS and Windows.
OF_ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Ray gives a node 30 seconds to start, which can be too little on a busy machine.
MOST_STARTS = 3


class Actors:
    """`n_workers` actors of one cluster. State: what of it is ours to end."""

    def __init__(
        self, asked: WorkerOptions, *, uses_gpus: bool = True, is_spread: bool = False
    ) -> None:
        self._owned = ExitStack()
        if not _ray(OF_ONE_MACHINE if asked.address is None else {}).is_initialized():
            self._owned.enter_context(joined(asked))
        try:
            self._share(asked.workers, uses_gpus=uses_gpus, is_spread=is_spread)
        except BaseException:
            self.close()
            raise

    def _share(self, n_asked: int | None, *, uses_gpus: bool, is_spread: bool) -> None:
        """How many workers there are, and what of the cluster each has."""
        nodes = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
        cores = [n for node in nodes if (n := int(node.get("CPU", 0)))]
        n_gpus = int(sum(node.get("GPU", 0) for node in nodes)) if uses_gpus else 0
        self.n_workers = n_asked or n_gpus or sum(cores) or 1
        self.threads = 1 if n_gpus else threads_each(self.n_workers, cores)
        self._gpus = gpus_each(n_gpus, self.n_workers, is_spread=is_spread)
        of_a_place = self.n_workers / (n_gpus or len(cores) or 1)
        self.n_sharing = max(1, -int(-of_a_place // 1))

    def start(self, number: int) -> Actor:
        resources = {"num_cpus": self.threads, "num_gpus": self._gpus}
        made = _ray().remote(max_restarts=0, **resources)(_Held)
        # A GPU's worker tokenises with as many threads as it finds.
        told = {} if self._gpus else {THREADS: str(self.threads)}
        return Actor(number, made.remote(told, str(Path.cwd())))

    def answered(self, busy: Sequence[Actor]) -> list[Actor]:
        by_pending = {worker.pending: worker for worker in busy}
        ready, _ = _ray().wait(list(by_pending), num_returns=1)
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
        ray = _ray()
        try:
            return ray.get(self.pending)
        except ray.exceptions.RayError as err:
            raise WorkerLostError(f"Ray says: {first_line(err)}") from err

    def stop(self) -> None:
        _ray().kill(self.handle)


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
    """One, or the share of one that as many workers can have; all that there are, for a spread."""
    if not is_spread:
        return min(1.0, int(1e4 * n_gpus / n_workers) / 1e4)
    if n_gpus < n_workers:
        raise InputError(
            f"{n_workers} workers were asked for and a model spread over devices, and the Ray "
            f"cluster has {n_gpus} GPUs",
            expected="a GPU or more for each",
            do="pass fewer --workers, or leave out --device-map",
        )
    return float(n_gpus // n_workers)


def _ray(told: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Ray, or InputError where it is not installed; it is slow to import.

    What it is `told` it reads from the environment, when it is first imported.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "the backend ray needs the package ray, which is not installed",
            expected="the extra 'ray'",
            do="pip install 'circuit-workbench[ray]', or pass --backend local",
        )
    for name, value in {**QUIET, **told}.items():
        os.environ.setdefault(name, value)
    import ray

    return ray


@contextmanager
def joined(asked: WorkerOptions) -> Iterator[None]:
    """Inside the cluster at the address, or one of this machine that is started for it.

    What Ray prints of workers that it lost goes where chatter goes; stdout is data.
    """
    _connect(asked)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _ray().shutdown()


def _connect(asked: WorkerOptions) -> None:
    """Ray ends a process on SIGTERM by itself, with no word of how to go on: not here."""
    before = signal.getsignal(signal.SIGTERM)
    _ray(OF_ONE_MACHINE if asked.address is None else {})
    how: dict[str, Any] = {"address": asked.address}
    if asked.address is None:
        how = {
            # Not the cluster that RAY_ADDRESS may name.
            "address": "local",
            "num_cpus": max(asked.workers or 1, os.cpu_count() or 1),
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
        }
    try:
        _init(how, n_tries=1 if asked.address else MOST_STARTS)
    except Exception as err:  # Ray raises no narrower one where a node takes too long
        if asked.address is None:
            raise WorkbenchError(
                f"Ray cannot be started here ({first_line(err)}); run the command again when the "
                "machine is less busy, or pass --backend local"
            ) from err
        raise InputError(
            f"the Ray cluster at '{asked.address}' cannot be reached ({first_line(err)})",
            expected="the address that `ray start --head` printed, or auto",
        ) from err
    finally:
        if signal.getsignal(signal.SIGTERM) is not before:
            with suppress(ValueError):  # in another thread than the first, where nothing was set
                signal.signal(signal.SIGTERM, before)


def _init(how: Mapping[str, Any], *, n_tries: int) -> None:
    ray = _ray()
    for n_left in reversed(range(n_tries)):
        try:
            ray.init(logging_level="ERROR", log_to_driver=False, **how)
            return
        except Exception:
            if not n_left:
                raise
            ray.shutdown()
