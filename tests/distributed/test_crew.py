"""Workers come and go; what was asked of them is done once each, whoever does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support import workers
from workbench.distributed import Crew, Processes
from workbench.errors import InputError, ModelRefusedError, NoRoomError, WorkbenchError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300


def squares(crew: Crew, work=workers.square, n: int = 7) -> dict:
    return dict(crew.results((i, partial(work, i)) for i in range(n)))


EXPECTED = {i: i * i for i in range(7)}


def is_running(pid: int) -> bool:
    """A process that has ended and was not waited for does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_piece_is_done_once_and_the_workers_share_them():
    said = []
    with Crew(Processes(2), workers.open_nothing, on_progress=lambda *it: said.append(it)) as crew:
        assert squares(crew) == EXPECTED
        pids = crew.everyone(workers.pid_of)
        assert squares(crew, n=0) == {}
    assert len(set(pids)) == 2
    assert os.getpid() not in pids
    assert not any(map(is_running, pids))
    assert said[-1] == (2, 2, "workers have loaded the model")
    assert crew.lost == []


def test_each_worker_has_its_environment_before_it_loads_anything():
    environments = [{"OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "5"}]
    with Crew(Processes(2, environments=environments), workers.open_nothing) as crew:
        found = crew.everyone(partial(workers.variable, "OMP_NUM_THREADS"))
    assert sorted(found) == ["3", "5"]


@pytest.mark.parametrize(
    ("work", "reason"),
    [(workers.killed_once, "ended with code -9"), (workers.broken_once, "CUDA error")],
)
def test_a_piece_whose_worker_is_killed_or_fails_is_done_by_another(work, reason, tmp_path):
    with Crew(Processes(2), workers.open_nothing) as crew:
        before = set(crew.everyone(workers.pid_of))
        assert squares(crew, partial(work, tmp_path / "marker")) == EXPECTED
        after = set(crew.everyone(workers.pid_of))
    assert len(crew.lost) == 1
    assert reason in crew.lost[0]
    assert len(before & after) == 1
    assert not any(map(is_running, before | after))


def test_a_worker_that_is_killed_while_idle_is_replaced():
    with Crew(Processes(1), workers.open_nothing) as crew:
        (pid,) = crew.everyone(workers.pid_of)
        os.kill(pid, signal.SIGKILL)
        assert squares(crew) == EXPECTED
    assert len(crew.lost) == 1


def test_a_piece_that_fails_everywhere_ends_the_run_with_its_reason():
    with (
        pytest.raises(
            WorkbenchError, match=r"part 4 has failed 3 times, .* RuntimeError: no luck$"
        ),
        Crew(Processes(2), workers.open_nothing) as crew,
    ):
        list(crew.results([(4, workers.always_broken)]))
    assert len(crew.lost) == 3


def test_what_is_wrong_with_the_input_is_raised_as_it_is_and_not_tried_again():
    with (
        pytest.raises(NoRoomError, match="one row of 9 tokens does not fit") as raised,
        Crew(Processes(2), workers.open_nothing) as crew,
    ):
        list(crew.results([(0, workers.refused)]))
    assert raised.value.reason == "out of memory"
    assert crew.lost == []


def test_an_engine_that_cannot_be_opened_is_told_as_in_one_process():
    sentence = "the model is 'none', expected one; pass --model"
    with pytest.raises(InputError, match=sentence), Crew(Processes(2), workers.open_wrongly):
        pass


def test_workers_that_end_while_they_load_are_not_started_for_ever():
    with (
        pytest.raises(WorkbenchError, match="the loading of the model has failed 3 times"),
        Crew(Processes(1), workers.end_while_opening),
    ):
        pass


@pytest.mark.parametrize(
    "err",
    [
        InputError("n is 2", expected="1", do="pass --n 1"),
        ModelRefusedError("no"),
        NoRoomError("a row", reason="full"),
        WorkbenchError("plain"),
    ],
)
def test_an_error_arrives_from_another_process_as_it_was_raised(err):
    from multiprocessing import Pipe

    here, there = Pipe()
    there.send(err)
    found = here.recv()
    assert (type(found), str(found), vars(found)) == (type(err), str(err), vars(err))
    assert found.exit_code == err.exit_code


BUSY = """
import sys
from functools import partial
from pathlib import Path
from tests.support import workers
from workbench.distributed import Crew, Processes
if __name__ == "__main__":
    work = partial(workers.wait_for_ever, Path(sys.argv[1]))
    with Crew(Processes(2), workers.open_nothing) as crew:
        crew.everyone(work)
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_workers_end_with_whoever_started_them_in_the_middle_of_a_piece(blow, tmp_path):
    script, places = tmp_path / "busy.py", tmp_path / "places"
    script.write_text(BUSY, encoding="utf-8")
    places.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, script, places],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: len(list(places.iterdir())) == 2)
    pids = [int(path.name) for path in places.iterdir()]
    assert all(map(is_running, pids))
    if blow == signal.SIGINT:
        os.killpg(parent.pid, blow)  # as Ctrl-C does, which the workers hear as well
    else:
        parent.send_signal(blow)
    _, said = parent.communicate(timeout=PATIENCE)
    assert said.count("Traceback") == (blow == signal.SIGINT)  # of the parent alone
    wait_until(lambda: not any(map(is_running, pids)))
