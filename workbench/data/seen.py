"""Whether an id has been seen: 16 bytes of its hash for each, and no id held.

seen = SeenIds()
seen.add("row-1"), seen.add("row-1")  # True, False
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

FIRST_PLACES = 2**12
MOST_SHARE = 0.6


class SeenIds:
    """A set of digests of 128 bits by open addressing. State: two words of each at its place.

    Of 10,000,000 ids two share a digest with a probability of 10^-25.
    """

    def __init__(self) -> None:
        self._n = 0
        self._make_room(FIRST_PLACES)

    def add(self, text: str) -> bool:
        """Whether it is new."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        # Zero marks a free place.
        first = int.from_bytes(digest[:8], "little") or 1
        if not self._put(first, int.from_bytes(digest[8:], "little")):
            return False
        self._n += 1
        if self._n > MOST_SHARE * (self._mask + 1):
            self._grow()
        return True

    def _put(self, first: int, second: int) -> bool:
        firsts, seconds, mask = self._firsts, self._seconds, self._mask
        place = first & mask
        while (there := firsts[place]) != 0:
            if there == first and seconds[place] == second:
                return False
            place = (place + 1) & mask
        firsts[place], seconds[place] = first, second
        return True

    def _grow(self) -> None:
        before = self._firsts, self._seconds
        self._make_room(2 * (self._mask + 1))
        for first, second in zip(*before, strict=True):
            if first:
                self._put(first, second)

    def _make_room(self, n_places: int) -> None:
        # A memory view's numbers are Python's, which an array's are not, at a fraction of the time.
        self._firsts = np.zeros(n_places, np.uint64).data
        self._seconds = np.zeros(n_places, np.uint64).data
        self._mask = n_places - 1
