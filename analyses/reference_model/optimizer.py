"""Muon for the weight matrices, AdamW for the rest.

Muon orthogonalises the momentum of each matrix; on small transformers it needs about half the
tokens AdamW needs. `torch.optim.Muon` iterates in bfloat16, which a processor without bfloat16
units runs fifty times slower than float32; hence these lines.
"""

from __future__ import annotations

import torch


def orthogonalize(matrices: torch.Tensor, n_iterations: int = 5) -> torch.Tensor:
    """Quintic Newton-Schulz iteration towards the nearest (semi-)orthogonal matrices, batched."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(n_iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon:
    """Momentum 0.95 with Nesterov look-ahead; matrices of one shape are orthogonalised together."""

    def __init__(self, parameters: list[torch.nn.Parameter], *, momentum: float = 0.95):
        self.groups: dict[torch.Size, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.buffers = {
            shape: torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self.groups.items()
        }
        self.momentum = momentum

    @torch.no_grad()
    def step(self, lr: float) -> None:
        for shape, group in self.groups.items():
            gradient = torch.stack([p.grad for p in group]).float()
            buffer = self.buffers[shape].lerp_(gradient, 1 - self.momentum)
            update = orthogonalize(gradient.lerp(buffer, self.momentum))
            scale = lr * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update.unbind(0), strict=True):
                parameter.add_(change.to(parameter.dtype), alpha=-scale)
