"""The scoring methods by name: a new one is a file of this folder and a line of this table.

SCORERS["loss"].needs_heads
"""

from workbench.scoring.method import Method
from workbench.scoring.methods import (
    air,
    attention_influence,
    circuitseer,
    ifd,
    length,
    loss,
    random,
)

SCORERS: dict[str, Method] = {
    module.METHOD.name: module.METHOD
    for module in (circuitseer, attention_influence, air, loss, length, ifd, random)
}
