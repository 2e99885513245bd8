"""The scoring methods by name: a new one is a file of this folder and a line of this table.

SCORERS["loss"].needs_heads
"""

from importlib import import_module

from workbench.scoring.method import Method

FILES = (
    "circuitseer",
    "attention_influence",
    "air",
    "loss",
    "length",
    "ifd",
    "naturalness",
    "aslec_drop",
    "aslec_casl",
    "random",
)
_METHODS: list[Method] = [import_module(f"{__name__}.{name}").METHOD for name in FILES]
SCORERS = {method.name: method for method in _METHODS}
