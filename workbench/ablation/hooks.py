"""Heads of a hooked model under one ablation, for passes of one's own.

with ablated_heads(model, [Head(2, 5), Head(3, 1)]):
    logits = model.hooked(ids, **model.pass_options)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from workbench.errors import InputError
from workbench.models import (
    UNIFORM,
    Donors,
    Intervention,
    Model,
    RowEdits,
    chosen_heads,
    edit_hooks,
    hooks,
)
from workbench.names import head_name
from workbench.types import Head


def check_heads(model: Any, heads: Iterable[Head]) -> None:
    """Raise InputError for a head that the model does not have."""
    for layer, head in heads:
        if not (0 <= layer < model.n_layers and 0 <= head < model.n_heads):
            raise InputError(
                f"the model {model.info.id} has no head {head_name(layer, head)}",
                expected=f"layer 0 to {model.n_layers - 1} and head 0 to {model.n_heads - 1}",
                do="use heads that were found on this model",
            )


@contextmanager
def ablated_heads(
    model: Model,
    heads: Iterable[Head],
    *,
    kind: Intervention = UNIFORM,
    donors: Donors | None = None,
    real: Bool[Tensor, "batch key"] | None = None,
) -> Iterator[None]:
    """All `heads` ablated together inside the block; afterwards the model is bit-identical.

    `real` is needed only for batches that are not padded on the right.
    """
    heads = tuple(heads)
    check_heads(model, heads)
    edits = RowEdits(
        kind,
        chosen_heads([heads], model),
        samples=torch.zeros(1, dtype=torch.long),
        donors=donors,
        real=real,
    )
    with hooks(model, edit_hooks(model, edits)):
        yield
