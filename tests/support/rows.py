"""Samples for tests from pairs of prompt and completion."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.types import Message, Sample


def samples_of(pairs: Iterable[tuple[str, str]]) -> tuple[Sample, ...]:
    """One row a pair: `row-0`, `row-1`, ... with levels 0 and 1 in turn."""
    return tuple(
        Sample(
            row_id=f"row-{i}",
            row_index=i,
            source="tests",
            shape="prompt-completion",
            messages=(Message("user", prompt), Message("assistant", completion)),
            row={"prompt": prompt, "completion": completion, "level": i % 2},
        )
        for i, (prompt, completion) in enumerate(pairs)
    )
