"""The rows of a pool as a model trains on them: tokenised when an arm first asks for one.

corpus = Corpus.of([drawn], shared_pool([drawn]), tokenizer, n_ctx=512)
example = corpus.example(corpus.row_ids[0])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import InputError
from workbench.selection import Drawn, SharedPool
from workbench.tuning import Example, LeftOutError, make_example
from workbench.types import Sample


@dataclass
class Corpus:
    """State: the examples made so far, and how many rows cannot be trained on, by status."""

    samples: Mapping[str, Sample]
    tokenizer: Any
    n_ctx: int
    end_token: bool = True
    left_out: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, Example | None] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        drawn: Sequence[Drawn],
        pool: SharedPool,
        tokenizer: Any,
        *,
        n_ctx: int,
        end_token: bool = True,
        data: Sequence[str] = (),
    ) -> Corpus:
        """The rows of the pool, read from the scored data; InputError where one is gone."""
        wanted = set(pool.row_ids)
        samples = {s.row_id: s for s in drawn[0].samples(data) if s.row_id in wanted}
        if missing := wanted - samples.keys():
            raise InputError(
                f"{len(missing)} of {len(wanted)} scored rows are not in the data "
                f"(first: row_id '{min(missing)}')",
                expected="the data that was scored",
                do="pass it with --data, or score and select again",
            )
        return cls(samples, tokenizer, n_ctx, end_token)

    @property
    def row_ids(self) -> list[str]:
        return list(self.samples)

    def example(self, row_id: str) -> Example | None:
        """The row as tokens and targets; None, and counted, where it cannot be trained on."""
        if row_id not in self._examples:
            try:
                found = make_example(
                    self.samples[row_id], self.tokenizer, self.n_ctx, end_token=self.end_token
                )
            except LeftOutError as err:
                self.left_out[err.status] += 1
                found = None
            self._examples[row_id] = found
        return self._examples[row_id]

    def texts(self, row_ids: Sequence[str]) -> set[tuple[str, str]]:
        """Prompt and completion of some rows, to know them by in other data."""
        return {(self.samples[i].prompt, self.samples[i].completion) for i in row_ids}
