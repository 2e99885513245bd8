"""A pool in shards: what is scored, stored and, after a kill, done again in one piece.

for shard in shards(samples): ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench.types import BadRow, Sample

SHARD_ROWS = 512
# Text of a shard: of rows longer than this over 512 fewer stand in one (some 130,000 tokens).
SHARD_CHARACTERS = 2**19


def shards(
    rows: Iterable[Sample | BadRow], *, most: int = SHARD_ROWS
) -> Iterator[list[Sample | BadRow]]:
    """The rows in the order of the input, `most` at a time, or as many as `SHARD_CHARACTERS` hold.

    Long texts are stored more often, so that hours of them are never lost; a row stands whole in
    one shard however long it is.
    """
    shard: list[Sample | BadRow] = []
    size = 0
    for row in rows:
        more = characters(row)
        if shard and (len(shard) == most or size + more > SHARD_CHARACTERS):
            yield shard
            shard, size = [], 0
        shard.append(row)
        size += more
    if shard:
        yield shard


def characters(row: Sample | BadRow) -> int:
    """The length of what a row says; nothing of one that cannot be read."""
    return 0 if isinstance(row, BadRow) else sum(len(said.content) for said in row.messages)
