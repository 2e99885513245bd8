"""What tests of runs that are shared out have in common."""

from __future__ import annotations

import pytest
import torch

from workbench.distributed.shares import THREADS


@pytest.fixture(scope="module")
def one_thread():
    """Here as in every worker: with another number of threads sums are taken in another order."""
    n_threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(THREADS, "1")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(n_threads)
