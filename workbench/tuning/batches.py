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

    columns = {
        "input_ids": [list(example.ids) for example in examples],
        "labels": [
            [token if counts else IGNORED for token, counts in zip(e.ids, e.is_target, strict=True)]
            for e in examples
        ],
    }
    if weighted:
        columns["weights"] = [example.weights.tolist() for example in examples]
    return Dataset.from_dict(columns)


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
