"""Keeps trainings quick."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture(scope="package", autouse=True)
def nothing_old_is_collected():
    """Every training begins with a garbage collection, over all that the suite has imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
