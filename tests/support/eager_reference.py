"""An architecture in plain Hugging Face eager code, and how far the workbench is from it.

It shares nothing with the workbench or TransformerLens: an attention function of its own inside
the Hugging Face model, where visible keys are those the model's own mask leaves open.

    score_difference(HookedEngine(model), Reference(folder)) < TOLERANCE
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForCausalLM
from transformers.masking_utils import eager_mask

from workbench.ablation import iter_importance
from workbench.engines import Engine, HookedEngine
from workbench.models import Model, Rendered
from workbench.scoring import score_batch
from workbench.types import Head

REFERENCE = "workbench_tests_eager"
LENGTHS = (20, 13, 16)  # longer than the tiny models' sliding window of 7
HEADS = (Head(0, 1), Head(0, 2), Head(1, 3), Head(2, 0))
TOLERANCE = 2e-5


class Reference:
    """The Hugging Face model with heads made uniform by attention written out for the tests."""

    def __init__(self, folder: Path) -> None:
        AttentionInterface.register(REFERENCE, self._attend)
        AttentionMaskInterface.register(REFERENCE, eager_mask)
        self.model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=REFERENCE)
        self.heads: Sequence[Head] = ()
        self.patterns: dict[int, torch.Tensor] = {}

    def _attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor,
        *,
        scaling: float | None = None,
        softcap: float | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        shared = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(shared, dim=1) for x in (key, value))
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scaling is None else scaling)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        visible = attention_mask == 0
        pattern = scores.masked_fill(~visible, -1e30).softmax(dim=-1) * visible
        uniform = (visible / visible.sum(dim=-1, keepdim=True).clamp(min=1))[:, 0]
        for layer, head in self.heads:
            if layer == module.layer_idx:
                pattern[:, head] = uniform
        self.patterns[module.layer_idx] = pattern
        return (pattern @ value).transpose(1, 2).contiguous(), pattern

    def logits(
        self, ids: torch.Tensor, heads: Sequence[Head] = (), mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        self.heads = heads
        positions = {} if mask is None else {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
        with torch.no_grad():
            return self.model(ids, attention_mask=mask, use_cache=False, **positions).logits


def token_ids(n_rows: int = len(LENGTHS)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(4, 260, (n_rows, max(LENGTHS)), generator=generator)


def padding_masks() -> dict[str, torch.Tensor]:
    """1 for a token, 0 for padding: none, on the right, on the left."""
    place = torch.arange(max(LENGTHS))
    length = torch.tensor(LENGTHS)[:, None]
    return {
        "none": torch.ones(len(LENGTHS), max(LENGTHS), dtype=torch.long),
        "right": (place < length).long(),
        "left": (place >= max(LENGTHS) - length).long(),
    }


def rendered_rows() -> list[Rendered]:
    """Random tokens of the test lengths, the last third of each the completion."""
    rows = []
    for ids, length in zip(token_ids(), LENGTHS, strict=True):
        parts = np.ones(length, dtype=np.int8)
        parts[2 * length // 3 :] = 2
        rows.append(Rendered(ids=tuple(ids[:length].tolist()), parts=parts, is_text=False))
    return rows


def importance_difference(model: Model, reference: Reference) -> float:
    """Largest difference of any head's loss increase on any row from the plain loop."""
    rows = rendered_rows()
    (measured,) = iter_importance(HookedEngine(model), rows, batches=[range(len(rows))])
    plain = np.array(
        [
            [
                [plain_loss(reference, row, [Head(layer, head)]) for head in range(model.n_heads)]
                for layer in range(model.n_layers)
            ]
            for row in rows
        ]
    )
    base = np.array([plain_loss(reference, row, []) for row in rows])
    worst_base = np.abs(measured.base_loss - base).max()
    return float(max(worst_base, np.abs(measured.deltas - (plain - base[:, None, None])).max()))


def plain_loss(reference: Reference, row: Rendered, heads: Sequence[Head]) -> float:
    """Mean cross-entropy of the completion, one row a pass, all logits, nothing saved."""
    ids, counted = torch.tensor([row.ids]), torch.from_numpy(row.counted("completion"))[1:]
    losses = cross_entropy(reference.logits(ids, heads)[0, :-1], ids[0, 1:], reduction="none")
    return float(losses[counted].double().mean())


def score_difference(engine: Engine, reference: Reference) -> float:
    """Largest difference of T^2 times the CircuitSeer score from the one by `output_attentions`."""
    worst = 0.0
    rows = rendered_rows()
    measured = score_batch(engine, HEADS, rows, part="prompt")
    for row, found in zip(rows, measured, strict=True):
        n = row.prompt_length
        reference.logits(torch.tensor([row.ids[:n]]))
        received = sum(
            reference.patterns[layer][0, head].double().mean(dim=0) for layer, head in HEADS
        ) / len(HEADS)
        expected = float(((received - 1 / n) ** 2).mean())
        worst = max(worst, n**2 * abs(found["paper"] - expected))
    return worst
