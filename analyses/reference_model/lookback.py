"""Heads of layer 0 that start out looking at the token one, two or three places back.

To look a fact up, a model must first note at each token what stood before it. From a random start a
model of this size finds that out only after millions of tokens; a start in which some heads of
layer 0 prefer a place (learnable biases of their queries and keys, nothing fixed) leaves what comes
after it to be learned: to bind, to look up, to reason. Related: mimetic initialisation (Trockman
and Kolter, arXiv 2305.09828).

    look_back(model, (1, 1, 2, 2, 3))
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

# Of a pattern's logits for the preferred place, and how many of the fast rotations make it up.
STRENGTH, N_ROTATIONS = 3.0, 8


@torch.no_grad()
def look_back(model: PreTrainedModel, offsets: Sequence[int]) -> None:
    """Head `h` of layer 0 prefers the key `offsets[h]` places before its query (RoPE as in Llama).

    With the key's bias `(s, 0)` and the query's `(s cos(o f), -s sin(o f))` in the plane that turns
    by `f` a token, the logit at distance `d` is the sum of `s^2 cos((d - o) f) / sqrt(d_head)`:
    largest at `d = o`.
    """
    attention, d_head = model.model.layers[0].self_attn, model.config.head_dim
    turns = model.model.rotary_emb.inv_freq
    size = (STRENGTH * d_head**0.5) ** 0.5 * (torch.arange(d_head // 2) < N_ROTATIONS)
    key = torch.cat([size, torch.zeros(d_head // 2)])
    attention.k_proj.bias.copy_(key.repeat(model.config.num_key_value_heads))
    for head, offset in enumerate(offsets):
        query = torch.cat([size * torch.cos(offset * turns), -size * torch.sin(offset * turns)])
        attention.q_proj.bias[head * d_head : (head + 1) * d_head] = query
