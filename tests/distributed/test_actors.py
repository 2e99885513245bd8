"""The same parts on Ray, from two actors of one machine: the same bytes, whoever of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support import workers
from workbench.distributed import Actors, Crew
from workbench.distributed.actors import gpus_each
from workbench.distributed.cluster import joined
from workbench.errors import InputError, NoRoomError
from workbench.options import WorkerOptions

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600
TWO = WorkerOptions("ray", workers=2)


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all tests of this file, which finds it running and leaves it so."""
    before = signal.getsignal(signal.SIGTERM)
    with joined(TWO):
        assert signal.getsignal(signal.SIGTERM) is before
        import ray

        yield ray


def crew_of_two(opening=workers.open_nothing) -> Crew:
    return Crew(Actors(TWO, uses_gpus=False), opening)


def test_actors_share_the_pieces_and_one_that_is_killed_is_replaced(cluster, tmp_path):
    with crew_of_two() as crew:
        first = set(crew.everyone(workers.pid_of))
        work = partial(workers.killed_once, tmp_path / "marker")
        found = dict(crew.results((i, partial(work, i)) for i in range(6)))
        then = set(crew.everyone(workers.pid_of))
        threads = crew.everyone(partial(workers.variable, "OMP_NUM_THREADS"))
    assert len(first) == len(then) == 2
    assert len(first & then) == 1
    assert os.getpid() not in first
    assert found == {i: i * i for i in range(6)}
    assert len(crew.lost) == 1
    assert "Ray says" in crew.lost[0]
    assert threads == ["1", "1"]
    assert cluster.is_initialized()


def test_what_is_wrong_with_the_input_arrives_from_an_actor_as_it_is(cluster):
    with (
        pytest.raises(NoRoomError, match="one row of 9 tokens does not fit"),
        crew_of_two() as crew,
    ):
        list(crew.results([(0, workers.refused)]))
    assert crew.lost == []


def test_the_cluster_listens_on_the_loopback_alone(cluster):
    listening = set()
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            places = process.net_connections("tcp")
            listening |= {place.laddr for place in places if place.status == "LISTEN"}
    assert len(listening) >= 4
    assert {place.ip.removeprefix("::ffff:") for place in listening} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("n_gpus", "n_workers", "is_spread", "each"),
    [(8, 8, False, 1), (8, 4, False, 1), (1, 2, False, 0.5), (8, 4, True, 2), (0, 3, False, 0)],
)
def test_gpus_are_given_whole_or_shared_out(n_gpus, n_workers, is_spread, each):
    assert gpus_each(n_gpus, n_workers, is_spread=is_spread) == each


@pytest.mark.parametrize(("n_gpus", "n_workers"), [(2, 3), (7, 8), (1, 3), (8, 32), (3, 10)])
def test_the_shares_of_all_workers_fit_on_whole_gpus(n_gpus, n_workers):
    each = gpus_each(n_gpus, n_workers)
    assert n_gpus * int(1 / each) >= n_workers


def test_a_model_spread_over_devices_needs_a_gpu_for_each_worker():
    with pytest.raises(InputError, match="the Ray cluster has 1 GPUs"):
        gpus_each(1, 2, is_spread=True)


BUSY = """
import sys
from functools import partial
from pathlib import Path
from tests.support import workers
from workbench.distributed import Actors, Crew
from workbench.options import WorkerOptions
with Crew(Actors(WorkerOptions("ray", workers=2)), workers.open_nothing) as crew:
    crew.everyone(partial(workers.wait_for_ever, Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_cluster_and_its_actors_end_with_a_driver_that_is_killed(tmp_path):
    script, places = tmp_path / "busy.py", tmp_path / "places"
    script.write_text(BUSY, encoding="utf-8")
    places.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen([sys.executable, script, places], env=environment)
    deadline = time.monotonic() + PATIENCE
    while len(list(places.iterdir())) < 2:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    family = psutil.Process(driver.pid).children(recursive=True)
    assert {int(place.name) for place in places.iterdir()} <= {child.pid for child in family}
    driver.kill()
    driver.wait()
    assert psutil.wait_procs(family, timeout=PATIENCE)[1] == []
