"""The engine that a stage's passes run on.

engine = engine_of(source)
"""

from __future__ import annotations

from workbench.engines import Engine, choose_engine
from workbench.models import ModelSource


def engine_of(source: ModelSource) -> Engine:
    """The model of `source`, loaded if it is not yet, on the engine that was asked for."""
    return choose_engine(source.load(), source.engine)
