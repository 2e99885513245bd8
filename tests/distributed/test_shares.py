"""Threads and GPUs are shared out so that every worker has some."""

from __future__ import annotations

import pytest

from workbench.distributed import gpus_of, share_of_gpus, threads_each
from workbench.errors import InputError


@pytest.mark.parametrize(
    ("n_workers", "cores", "threads"),
    [
        (1, [8], 8),
        (2, [8], 4),
        (3, [8], 2),
        (16, [8], 1),
        (2, [3, 3], 3),
        (3, [5, 5], 2),
        (4, [], 1),
    ],
)
def test_each_worker_has_as_many_threads_as_all_can_have(n_workers, cores, threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads_each(n_workers, cores) == threads
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads_each(n_workers, cores) == min(2, threads)


def test_gpus_go_by_the_names_that_this_process_sees(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus_of(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert gpus_of(2) == ["5", "7"]
    assert gpus_of(0) == []


def test_workers_take_gpus_in_turn_and_a_spread_model_takes_a_share():
    gpus = ["0", "1", "2", "3"]
    assert [share_of_gpus(gpus, 5, i) for i in range(5)] == [["0"], ["1"], ["2"], ["3"], ["0"]]
    shares = [share_of_gpus(gpus, 2, i, is_spread=True) for i in range(2)]
    assert shares == [["0", "1"], ["2", "3"]]
    with pytest.raises(InputError, match=r"5 workers were asked for .* there are 4 GPUs"):
        share_of_gpus(gpus, 5, 0, is_spread=True)
