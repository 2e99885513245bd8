"""The attention on a few samples as it was kept with a run, for whoever has not got the model.

write_kept(folder / KEPT, samples)        # KEPT is of `apps.reading.workspace`
load(read_kept, run.folder / KEPT)["gsm8k/17"].pattern(Head(0, 3))

One Parquet row a sample and head: what a head attends to is stored as the rows of the lower
triangle, one after the other, in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float

from workbench.data import atomic_file
from workbench.engines import attention_received
from workbench.models import uniform_column_mean
from workbench.types import Head

OPENING = 80


@dataclass(frozen=True)
class KeptHead:
    """One head on one sample: whole pattern, size of the value at each key, and sliding window."""

    pattern: Float[np.ndarray, "query key"]
    values: Float[np.ndarray, " key"]
    window: int | None = None


@dataclass(frozen=True)
class KeptSample:
    """The texts of a prompt's tokens, and what some heads do there.

    `starts`: where the window of a score begins, with the sink and without.
    """

    row_id: str
    tokens: tuple[str, ...]
    starts: tuple[int, int]
    by_head: dict[Head, KeptHead]

    @property
    def n_tokens(self) -> int:
        return len(self.tokens)

    @property
    def opening(self) -> str:
        """The first words of the part that is scored, to know the row by."""
        return "".join(self.tokens[self.starts[1] :])[:OPENING].strip()

    @property
    def heads(self) -> tuple[Head, ...]:
        return tuple(self.by_head)

    def texts(self, start: int, end: int) -> tuple[str, ...]:
        return self.tokens[start:end]

    def received(self, heads: Sequence[Head], start: int) -> Float[np.ndarray, "head pos"]:
        """Mean attention that each token from `start` on receives there, a row a head."""
        patterns = torch.tensor(np.stack([self.pattern(head) for head in heads]))[None]
        span = torch.tensor([start]), torch.tensor([self.n_tokens])
        return attention_received(patterns, *span)[0].numpy()[:, start:]

    def uniform(self, heads: Sequence[Head], n_pos: int) -> Float[np.ndarray, "head pos"]:
        """The same if each were uniform over `n_pos` tokens."""
        windows = [self.by_head[head].window for head in heads]
        return np.stack([uniform_column_mean(n_pos, window=window).numpy() for window in windows])

    def pattern(self, head: Head) -> Float[np.ndarray, "query key"]:
        return self.by_head[head].pattern

    def values(self, head: Head) -> Float[np.ndarray, " key"]:
        return self.by_head[head].values


def write_kept(path: Path, samples: Iterable[KeptSample]) -> None:
    """All of `samples` in one file."""
    rows = [
        {
            "row_id": sample.row_id,
            "tokens": list(sample.tokens),
            "starts": list(sample.starts),
            "layer": layer,
            "head": head,
            "window": kept.window,
            "values": kept.values.astype(np.float32),
            "pattern": kept.pattern[np.tril_indices(sample.n_tokens)].astype(np.float32),
        }
        for sample in samples
        for (layer, head), kept in sample.by_head.items()
    ]
    with atomic_file(path) as file:
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file, compression="zstd")


SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("starts", pa.list_(pa.int32())),
        ("layer", pa.int32()),
        ("head", pa.int32()),
        ("window", pa.int32()),
        ("values", pa.list_(pa.float32())),
        ("pattern", pa.list_(pa.float32())),
    ]
)


def read_kept(path: Path) -> dict[str, KeptSample]:
    """By row id, in the order of the file."""
    samples: dict[str, KeptSample] = {}
    for row in pq.read_table(path, schema=SCHEMA).to_pylist():
        tokens, starts = tuple(row["tokens"]), row["starts"]
        sample = KeptSample(row["row_id"], tokens, (starts[0], starts[1]), {})
        sample = samples.setdefault(sample.row_id, sample)
        pattern = np.zeros((sample.n_tokens, sample.n_tokens), dtype=np.float32)
        pattern[np.tril_indices(sample.n_tokens)] = row["pattern"]
        values = np.array(row["values"], dtype=np.float32)
        sample.by_head[Head(row["layer"], row["head"])] = KeptHead(pattern, values, row["window"])
    return samples
