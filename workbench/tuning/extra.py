"""The packages of the extra `train`: whether they are here, and quiet while they work.

require_extra()
require_report("none")
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterable, Iterator
from importlib import import_module

from workbench.errors import InputError

EXTRA = ("trl", "accelerate", "datasets", "peft")
NOISY = ("transformers", "trl", "accelerate", "datasets", "peft", "bitsandbytes")


def require_extra() -> None:
    """InputError naming the extra unless everything that tuning needs is installed."""
    for name in EXTRA:
        try:
            # peft imports bitsandbytes, which speaks of what this machine has not.
            with quiet():
                import_module(name)
        except ImportError as err:
            raise InputError(
                f"tuning needs the package '{name}', which cannot be imported ({err})",
                do="pip install circuit-workbench[train]",
            ) from err


def require_report(name: str) -> None:
    """InputError unless the package is there that losses are to be sent through."""
    packages = {"tensorboard": ("tensorboard", "tensorboardX")}.get(name, (name,))
    if name != "none" and not any(importlib.util.find_spec(package) for package in packages):
        raise InputError(
            f"losses are to go to {name}, which is not installed", do=f"pip install {name}"
        )


@contextlib.contextmanager
def quiet(names: Iterable[str] = NOISY) -> Iterator[None]:
    """The libraries' loggers speak of errors only: progress is told by the run's own events."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
