"""A checkpoint as `transformers` has it: what decoding and plain training need, and nothing hooked.

Traces cost half of what they cost through hook points, and weights keep the names that they have in
the checkpoint.

    network = plain_network("math-tiny")
    decode(network, prompts, max_new_tokens=20, batch_tokens=BATCH_TOKENS)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workbench.errors import InputError
from workbench.models import (
    RowEdits,
    find_model,
    load_plain,
    padded,
    resolve_device,
    tokenizer_facts,
)
from workbench.types import ModelInfo

# Cached tokens held at once. Steps of few rows cost as much as steps of many.
BATCH_TOKENS = 2**16


@dataclass(frozen=True)
class PlainNetwork:
    """A causal language model of `transformers` with its tokenizer; it can be decoded from.

    Like an engine it gives next tokens, but knows no edits: nothing is hooked.
    """

    wrapped: Any
    tokenizer: Any
    info: ModelInfo
    n_ctx: int
    facts: Mapping[str, Any]

    @property
    def model(self) -> PlainNetwork:
        return self

    @property
    def device(self) -> torch.device:
        return next(self.wrapped.parameters()).device

    @property
    def pad_id(self) -> int:
        """Any id will do: padding is on the right, where causal attention never looks."""
        return int(self.tokenizer.pad_token_id or 0)

    @property
    def unembed(self) -> torch.nn.Module:
        return self.wrapped.get_output_embeddings()

    def new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self.wrapped.config)

    @torch.no_grad()
    def next_logits(self, ids: Int[Tensor, "row pos"], cache: Any) -> Float[Tensor, "row vocab"]:
        """Logits after the last of `ids`, in float32."""
        last = torch.full((len(ids),), ids.shape[1] - 1)
        with unembedding_at(self.unembed, last):
            done = self.wrapped(input_ids=ids, use_cache=True, past_key_values=cache)
        return done.logits[:, -1].float()

    @contextmanager
    def editing(self, edits: RowEdits | None) -> Iterator[None]:
        if edits is not None:
            raise InputError("a network without hooks was asked for with heads to edit")
        yield


def plain_network(
    name: str,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    template: str = "auto",
    trust_remote_code: bool = False,
) -> PlainNetwork:
    """The checkpoint `name`, to be decoded from and trained."""
    wrapped, tokenizer = load_plain(
        name, dtype=dtype, template=template, trust_remote_code=trust_remote_code
    )
    wrapped = wrapped.to(resolve_device(device)).eval().requires_grad_(False)
    config = wrapped.config.get_text_config()
    return PlainNetwork(
        wrapped=wrapped,
        tokenizer=tokenizer,
        info=ModelInfo(
            id=Path(name).name,
            revision=None,
            weights_sha256="",
            n_layers=int(config.num_hidden_layers),
            n_heads=int(config.num_attention_heads),
        ),
        n_ctx=int(config.max_position_embeddings),
        facts=tokenizer_facts(tokenizer, find_model(name)[0]),
    )


def last_logits(
    network: PlainNetwork, rows: Sequence[Sequence[int]]
) -> Float[Tensor, "batch vocab"]:
    """Logits after the last token of each row, in float32, with whatever gradient is asked for."""
    ids = padded(rows, network.pad_id).to(network.device)
    last = torch.tensor([len(row) - 1 for row in rows], device=ids.device)
    with unembedding_at(network.unembed, last):
        return network.wrapped(input_ids=ids, use_cache=False).logits[:, 0].float()


@contextmanager
def unembedding_at(unembed: torch.nn.Module, position: Int[Tensor, " batch"]) -> Iterator[None]:
    """Unembed one position of each row alone: the logits of whole texts would be far larger."""

    def pick(_module: Any, args: tuple) -> tuple:
        rows = torch.arange(len(position), device=args[0].device)
        return (args[0][rows, position.to(args[0].device)][:, None], *args[1:])

    handle = unembed.register_forward_pre_hook(pick)
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
