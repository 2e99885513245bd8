"""What an update may change, with float32 masters: chosen rows of weights, or LoRA beside them.

Only the masters are stepped. After each step the network holds what a checkpoint would: the
masters rounded to the dtype that the weights are stored in, so what is validated is what is saved.

    rows = RowMasters(network, layout.rows(kept), stored)
    loss.backward()
    rows.step(lr=1e-4)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workbench.amplification.rows import Rows

State = dict[str, Tensor]


class RowMasters:
    """Plain gradient steps on some rows of some weights; nothing else moves."""

    def __init__(self, network: Any, rows: Mapping[str, Rows], stored: Mapping[str, torch.dtype]):
        weights = dict(network.named_parameters())
        self.rows, self.stored = dict(rows), stored
        self.weights = {name: weights[name].requires_grad_(True) for name in rows}
        self.first = {name: self.rows[name].of(w.detach()) for name, w in self.weights.items()}
        self.masters = {name: first.float() for name, first in self.first.items()}

    @torch.no_grad()
    def step(self, lr: float) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                self.masters[name] -= lr * self.rows[name].of(weight.grad).float()
                weight.grad = None
        self.load(self.state())

    def reset(self) -> None:
        self.masters = {name: first.float() for name, first in self.first.items()}
        self.load(self.first)

    def state(self) -> State:
        return {name: m.to(self.stored[name]) for name, m in self.masters.items()}

    @torch.no_grad()
    def load(self, state: State) -> None:
        for name, values in state.items():
            rows, weight = self.rows[name], self.weights[name]
            weight.index_copy_(rows.axis, rows.index.to(weight.device), values.to(weight.dtype))


class LoraMasters:
    """LoRA (r 16, alpha 32) on all linear weights of the blocks, by Adam, merged after each step.

    The gradients of both small matrices follow from that of the whole weight by the chain rule.
    """

    def __init__(
        self,
        network: Any,
        names: list[str],
        stored: Mapping[str, torch.dtype],
        *,
        rank: int = 16,
        alpha: float = 32.0,
        seed: int = 0,
    ):
        weights = dict(network.named_parameters())
        self.stored, self.scale, self.rank, self.seed = stored, alpha / rank, rank, seed
        self.weights = {name: weights[name].requires_grad_(True) for name in names}
        self.first = {name: w.detach().clone() for name, w in self.weights.items()}
        self.reset()

    def reset(self) -> None:
        random = torch.Generator().manual_seed(self.seed)
        self.small: dict[str, tuple[Tensor, Tensor]] = {}
        for name, weight in self.first.items():
            n_out, n_in = weight.shape
            reach = math.sqrt(3 / n_in) / math.sqrt(3)
            down = torch.rand((self.rank, n_in), generator=random) * 2 * reach - reach
            up = torch.zeros((n_out, self.rank))
            self.small[name] = (up.to(weight.device), down.to(weight.device))
        pairs = [tensor for pair in self.small.values() for tensor in pair]
        self.optimizer = torch.optim.AdamW(pairs, weight_decay=0.0)
        self.load(self.first)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        for name, weight in self.weights.items():
            if weight.grad is not None:
                (up, down), grad = self.small[name], weight.grad.float()
                up.grad, down.grad = self.scale * grad @ down.T, self.scale * up.T @ grad
                weight.grad = None
        self.optimizer.step()
        self.load(self.state())

    def state(self) -> State:
        return {
            name: (self.first[name].float() + self.scale * up @ down).to(self.stored[name])
            for name, (up, down) in self.small.items()
        }

    @torch.no_grad()
    def load(self, state: State) -> None:
        for name, values in state.items():
            self.weights[name].copy_(values.to(self.weights[name].dtype))


Trainable = RowMasters | LoraMasters
"""What an update steps: its masters, and the network with them."""


def lora_names(network: Any) -> list[str]:
    """The two-dimensional weights inside the blocks: all linear layers but the unembedding."""
    return [
        name
        for name, weight in network.named_parameters()
        if weight.ndim == 2 and any(part.isdigit() for part in name.split("."))
    ]
