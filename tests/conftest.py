"""Checks every jaxtyped signature of the workbench while the tests run, and keeps them offline.

Also the tiny models: written and loaded once a session. `checkpoint("qwen2")` is a folder,
`tiny("qwen2")` that folder loaded, `tiny_model` the llama one, `samples` rows that fit it.
"""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread a worker: workers that share cores would wait for each other's threads.
    os.environ["OMP_NUM_THREADS"] = "1"

import signal
from functools import cache

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before anything imports the workbench: modules imported earlier would stay unchecked.
install_import_hook("workbench", "beartype.beartype")

# A shell that starts the tests in the background has them ignore SIGINT, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The first example of a property pays for imports and for a busy machine.
settings.register_profile("workbench", deadline=None)
settings.load_profile("workbench")


def pytest_collection_modifyitems(items):
    """Files with slow tests first: none is left for one process while the others have ended."""
    longest = ("test_readme.py", "test_large.py", "test_addresses.py")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    order = {name: place for place, name in enumerate(longest)}
    items.sort(key=lambda item: (item.path not in slow, order.get(item.path.name, len(order))))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """`checkpoint(name, chat=True)`: the folder of a tiny random checkpoint."""
    from tests.support.checkpoints import write_checkpoint

    @cache
    def folder_of(name, chat):
        return write_checkpoint(name, tmp_path_factory.mktemp(name), chat=chat)

    return lambda name, chat=True: folder_of(name, chat)


@pytest.fixture(scope="session")
def tiny(checkpoint):
    """`tiny(name, chat=True)`: a tiny random checkpoint, loaded and self-checked."""
    from workbench.models import load_model

    @cache
    def loaded(name, chat):
        return load_model(str(checkpoint(name, chat)), device="cpu")

    return lambda name, chat=True: loaded(name, chat)


@pytest.fixture(scope="session")
def tiny_model(tiny):
    """A tiny random llama: 3 layers x 4 heads, 96 positions, one token a byte."""
    return tiny("llama")


@pytest.fixture(scope="session")
def bundled_model():
    from workbench.models import load_model

    return load_model("math-tiny", device="cpu")


@pytest.fixture(scope="session")
def samples():
    """Prompt and completion pairs of different lengths that fit the tiny models."""
    from tests.support.rows import samples_of

    pairs = (
        ("Tom has 3 pens. How many?", "3"),
        ("Ann has 4 more cups than Tom, who has 2. How many has Ann?", "2 + 4 = 6"),
        ("1 + 1?", "2"),
        ("Sue gives 5 of 9 eggs away. What is left?", "9 - 5 = 4. The answer is 4."),
        ("Was ist 2 · 3?", "6, natürlich"),
        ("What is 7 times 8?", "7 times 8 is 56"),
    )
    return samples_of(pairs)
