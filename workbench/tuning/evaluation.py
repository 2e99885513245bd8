"""The loss of a network on rows that it was not tuned on, before and after.

held_out = HeldOut(("gsm8k",))
held_out.fingerprint()
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workbench.data import Tally, fingerprint_sources, read_usable
from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions
from workbench.tuning.batches import Collator, columns_of
from workbench.tuning.examples import Example, Examples, make_examples
from workbench.tuning.loss import IGNORED


@dataclass(frozen=True)
class HeldOut:
    """Data that is only measured on."""

    data: tuple[str, ...]
    how: ReadOptions = RECOGNISED

    def fingerprint(self) -> list[dict[str, Any]]:
        return fingerprint_sources(self.data)

    def examples(
        self,
        trained: Examples,
        tokenizer: Any,
        n_ctx: int,
        *,
        end_token: bool = True,
        tally: Tally | None = None,
    ) -> Examples:
        """Its rows that have a completion and fit, those that are trained on left out and counted.

        What is read is counted in `tally`.
        A row is known by its tokens: ids of other data may be the same, as those of a split are.
        """
        left_out = Counter[str]()
        samples = read_usable(self.data, self.how, left_out=left_out, tally=tally)
        found = make_examples(
            samples, tokenizer, n_ctx=n_ctx, end_token=end_token, what="data to evaluate on"
        )
        known = {row.ids for row in trained.rows}
        rows = tuple(row for row in found.rows if row.ids not in known)
        if not rows:
            raise InputError(
                f"all {len(found.rows)} rows of the data to evaluate on are trained on",
                expected="other rows",
                do="pass another --eval-data",
            )
        counts = Counter(found.counts) + left_out
        counts += Counter(trained=len(found.rows) - len(rows))
        counts["ok"] = len(rows)
        return dataclasses.replace(found, rows=rows, counts=dict(sorted(counts.items())))

    def summary(self, rows: Examples, losses: Mapping[str, float]) -> dict[str, Any]:
        """What a run says of it."""
        return {
            "data": list(self.data),
            "counts": dict(rows.counts),
            "n_targets": sum(row.n_targets for row in rows.rows),
            **{f"loss_{when}": loss for when, loss in losses.items()},
        }


@torch.no_grad()
def held_out_loss(model: Any, rows: Sequence[Example], *, batch_size: int, pad_id: int) -> float:
    """Mean loss a target token, in nats, over all `rows`; the network is left as it was."""
    collate, was_training = Collator(pad_id), model.training
    model.eval()
    total, n = 0.0, 0
    for first in range(0, len(rows), batch_size):
        batch = collate([columns_of(row) for row in rows[first : first + batch_size]])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        labels = batch.pop("labels")[:, 1:]
        logits = model(**batch, use_cache=False).logits[:, :-1]
        is_target = labels != IGNORED
        losses = torch.nn.functional.cross_entropy(
            logits[is_target].float(), labels[is_target], reduction="none"
        )
        total += float(losses.double().sum())
        n += int(is_target.sum())
    model.train(was_training)
    return total / n
