"""A checkpoint as `transformers` has it, in the form that decoding and plain training need.

Nothing is hooked here, so that traces cost half of what they cost through hook points, and weights
keep the names that they have in the checkpoint.

    model = plain_network("math-tiny")
    decode(model, prompts, max_new_tokens=200, batch_tokens=BATCH_TOKENS)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.models import Model, find_model, load_plain, padded, resolve_device, tokenizer_facts
from workbench.types import ModelInfo

# Cached tokens held at once. Steps of few rows cost as much as steps of many.
BATCH_TOKENS = 2**16


class Network(torch.nn.Module):
    """A causal language model that gives logits; `unembed` is what decoding hooks."""

    def __init__(self, wrapped: Any):
        super().__init__()
        self.original_model = wrapped
        self.unembed = wrapped.get_output_embeddings()

    def forward(
        self, ids: Int[Tensor, "batch pos"], return_type: str = "logits", **options: Any
    ) -> Float[Tensor, "batch some vocab"]:
        return self.original_model(input_ids=ids, **options).logits


def plain_network(
    name: str, *, device: str = "cpu", dtype: str = "float32", template: str = "auto"
) -> Model:
    """The checkpoint `name` as a `Model` that can be decoded from and trained, not hooked."""
    wrapped, tokenizer = load_plain(name, dtype=dtype, template=template)
    wrapped = wrapped.to(resolve_device(device)).eval().requires_grad_(False)
    config = wrapped.config.get_text_config()
    n_layers = int(config.num_hidden_layers)
    return Model(
        hooked=Network(wrapped),
        tokenizer=tokenizer,
        info=ModelInfo(
            id=Path(name).name,
            revision=None,
            weights_sha256="",
            n_layers=n_layers,
            n_heads=int(config.num_attention_heads),
        ),
        n_ctx=int(config.max_position_embeddings),
        windows=(None,) * n_layers,
        # The wrapped network caps its logits itself.
        logit_cap=None,
        facts=tokenizer_facts(tokenizer, find_model(name)[0]),
    )


def last_logits(model: Model, rows: Sequence[Sequence[int]]) -> Float[Tensor, "batch vocab"]:
    """Logits after the last token of each row, in float32, with whatever gradient is asked for."""
    ids = padded(rows, model.pad_id).to(model.device)
    last = torch.tensor([len(row) - 1 for row in rows], device=ids.device)
    with unembedding_at(model, last):
        return model.hooked(ids, **model.pass_options)[:, 0].float()


@contextmanager
def unembedding_at(model: Model, position: Int[Tensor, " batch"]) -> Iterator[None]:
    """Unembed one position of each row alone: the logits of whole texts would be far larger."""

    def pick(_module: Any, args: tuple) -> tuple:
        rows = torch.arange(len(position), device=args[0].device)
        return (args[0][rows, position.to(args[0].device)][:, None], *args[1:])

    handle = model.hooked.unembed.register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def logit_difference(
    logits: Float[Tensor, "batch vocab"],
    desired: Int[Tensor, " batch"],
    undesired: Int[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """Logit of each row's desired token less that of the same row's undesired one.

    Row by row: the published code pairs every row with the tokens of every other.
    """
    rows = torch.arange(len(desired), device=logits.device)
    return logits[rows, desired.to(logits.device)] - logits[rows, undesired.to(logits.device)]
