"""Items that are made while the ones before are worked on.

for item in ahead(range(3)):  # the next one is made in a thread meanwhile
    print(item)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items in their order, one ahead; what `items` raises is raised at its place.

    Nothing is begun before the first is asked for, and of one that is no longer wanted the thread
    ends with the item it is at.
    """
    todo = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        following = thread.submit(next, todo, END)
        while (item := following.result()) is not END:
            following = thread.submit(next, todo, END)
            yield item  # pyright: ignore[reportReturnType]
