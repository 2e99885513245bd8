"""How the process gets its memory: kept between passes, where glibc would give it back.

keep_freed_memory()    # once, before the first pass; every command does it
"""

from __future__ import annotations

import ctypes
import os

# Of glibc's <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Larger than any tensor of a pass on a CPU.
KEPT = 2**30


def keep_freed_memory() -> None:
    """Have glibc keep what a pass freed for the next one; elsewhere nothing happens.

    Every tensor of more than some megabytes would otherwise be new pages, filled with zeros by the
    system: a fifth of the time of `heads find`. The price is that a process which stays holds what
    it needed at most.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(option, KEPT)
