"""What all sessions share: an answer is computed once a question, and the oldest is forgotten.

    @shared(12)
    def column(path: Path, name: str) -> np.ndarray: ...

What comes back is everybody's and must not be changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def shared(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the last `most` answers of a function of hashable arguments.

    Sessions take turns: else two that ask at once would both read a large file.
    """

    def keep(compute: Callable[P, T]) -> Callable[P, T]:
        known, turn = lru_cache(maxsize=most)(compute), threading.RLock()

        @wraps(compute)
        def answer(*args: P.args, **options: P.kwargs) -> T:
            with turn:
                return known(*args, **options)

        return answer

    return keep
