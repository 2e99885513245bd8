"""A Ray cluster: one that is running, or one of this machine alone, started and ended again.

    the_ray(OF_ONE_MACHINE).is_initialized()  # True within `joined(WorkerOptions("ray"))`

What is started here listens on the loopback alone, without dashboard and usage statistics.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from types import MappingProxyType
from typing import Any

import psutil

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


def the_ray(told: Mapping[str, str] = MappingProxyType({})) -> Any:
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
        the_ray().shutdown()


def _connect(asked: WorkerOptions) -> None:
    """Ray ends a process on SIGTERM by itself, with no word of how to go on: not here."""
    before = signal.getsignal(signal.SIGTERM)
    the_ray(OF_ONE_MACHINE if asked.address is None else {})
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
    ray, before = the_ray(), set(psutil.Process().children(recursive=True))
    for n_left in reversed(range(n_tries)):
        try:
            ray.init(logging_level="ERROR", log_to_driver=False, **how)
            return
        except Exception:
            if not n_left:
                raise
        _end_others(before)


def _end_others(before: set[psutil.Process]) -> None:
    """Ray leaves the processes of a start that took too long, which would slow the next one."""
    for process in set(psutil.Process().children(recursive=True)) - before:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
