"""How many heads make a circuit.

n_selected(270, 0.05)     # 14
"""

from __future__ import annotations

import math

from workbench.errors import InputError


def n_selected(n_heads: int, fraction: float, *, min_heads: int = 1) -> int:
    """Heads in a circuit: `fraction` of all, rounded half up, at least `min_heads`."""
    if not 0 < fraction <= 1:
        raise InputError(
            f"fraction is {fraction}",
            expected="a share above 0 and up to 1",
            do="pass --fraction 0.05 for the top 5 % of heads",
        )
    return min(n_heads, max(min_heads, math.floor(fraction * n_heads + 0.5)))
