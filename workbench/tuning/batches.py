"""Rows as the trainer reads them: a dataset of token ids, targets and weights, and padded batches.

batch = Collator(pad_id=0)([dataset[0], dataset[1]])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.tuning.examples import Example
from workbench.tuning.loss import IGNORED


def as_dataset(examples: Sequence[Example], *, weighted: bool) -> Any:
    from datasets import Dataset

    rows = [columns_of(example) for example in examples]
    columns = {name: [row[name] for row in rows] for name in ("input_ids", "labels")}
    if weighted:
        columns["weights"] = [example.weights.tolist() for example in examples]
    return Dataset.from_dict(columns)


def columns_of(example: Example) -> dict[str, list[int]]:
    """A row's tokens, and those of them that are targets."""
    targets = zip(example.ids, example.is_target, strict=True)
    labels = [token if counts else IGNORED for token, counts in targets]
    return {"input_ids": list(example.ids), "labels": labels}


@dataclass(frozen=True)
class Collator:
    """Rows as tensors of one width, padded on the right."""

    pad_id: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": self.pad_id, "labels": IGNORED, "weights": 0.0}
        batch = {
            name: torch.tensor(
                [[*row[name], *[fill[name]] * (width - len(row[name]))] for row in rows]
            )
            for name in rows[0]
        }
        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        batch["attention_mask"] = (torch.arange(width) < lengths[:, None]).long()
        return batch
