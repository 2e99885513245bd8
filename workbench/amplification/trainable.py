"""What an update steps: some rows of some weights, or LoRA adapters beside whole weights.

Both keep float32 masters, and both show the network as its checkpoint would be (`as_stored`): with
what was learnt rounded to the dtype that the weights are stored in. So what is validated is what is
saved.

    rows = RowMasters(network.wrapped, layout.rows(kept), dtypes)
    loss.backward()
    rows.step(lr=1e-4)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from workbench.amplification.checkpoint import State, part_of_state
from workbench.amplification.rows import Rows


class RowMasters:
    """Plain gradient steps on some rows of some weights; nothing else moves.

    `stored` is the dtype of each weight in the files.
    """

    def __init__(self, network: Any, rows: Mapping[str, Rows], stored: Mapping[str, torch.dtype]):
        weights = dict(network.named_parameters())
        self.rows, self.stored = dict(rows), stored
        self.weights = {name: weights[name].requires_grad_(True) for name in rows}
        self.first = {name: self.rows[name].of(w.detach()) for name, w in self.weights.items()}
        self.reset()

    def reset(self) -> None:
        """Back to the weights as they were."""
        self.resume({name: first.float() for name, first in self.first.items()})

    def resume(self, progress: State) -> None:
        """To where `progress()` was taken."""
        self.masters = {name: progress[name].to(w.device) for name, w in self.weights.items()}
        self.load(self.state())

    def progress(self) -> State:
        """All that is needed to go on from here."""
        return dict(self.masters)

    def state(self) -> State:
        """The rows as they would be stored."""
        return {name: m.to(self.stored[name]) for name, m in self.masters.items()}

    @torch.no_grad()
    def load(self, state: State) -> None:
        """Show the network with rows as they are stored."""
        for name, values in state.items():
            rows, weight = self.rows[name], self.weights[name]
            weight.index_copy_(
                rows.axis, rows.index.to(weight.device), values.to(weight.device, weight.dtype)
            )

    @torch.no_grad()
    def step(self, lr: float) -> None:
        for name, weight in self.weights.items():
            if weight.grad is not None:
                self.masters[name] = self.masters[name] - lr * self.rows[name].of(weight.grad)
                weight.grad = None
        self.load(self.state())

    @contextmanager
    def as_stored(self) -> Iterator[None]:
        """The network always holds the rounded rows."""
        yield


class LoraMasters:
    """The adapters that peft put into a network, stepped by Adam.

    `adapted` is a `PeftModel` around the network, whose linear layers now add their adapter's
    output; `stored` the dtype of each adapted weight in the files, by `adapted_names`.
    """

    def __init__(self, adapted: Any, stored: Mapping[str, torch.dtype]):
        self.adapted, self.stored = adapted, stored
        self.layers = _adapted_layers(adapted)
        self.small = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
        self.begin = {name: p.detach().clone() for name, p in self.small.items()}
        self.first = {n: layer.weight.detach().clone() for n, layer in self.layers.items()}
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Back to adapters that change nothing."""
        for name, p in self.small.items():
            p.copy_(self.begin[name])
        self.optimizer = torch.optim.AdamW(self.small.values(), weight_decay=0.0)

    @torch.no_grad()
    def resume(self, progress: State) -> None:
        """To where `progress()` was taken."""
        self.reset()
        for name, p in self.small.items():
            p.copy_(part_of_state(progress, "adapter")[name])
            for key in ("step", "exp_avg", "exp_avg_sq"):
                saved = part_of_state(progress, key)
                if name in saved:
                    # Adam counts its steps on the CPU, wherever the adapter is.
                    place = p.device if saved[name].ndim else torch.device("cpu")
                    self.optimizer.state[p][key] = saved[name].to(place)

    def progress(self) -> State:
        """All that is needed to go on from here."""
        found = {f"adapter/{name}": p.detach() for name, p in self.small.items()}
        for name, p in self.small.items():
            found |= {f"{key}/{name}": value for key, value in self.optimizer.state[p].items()}
        return found

    @torch.no_grad()
    def state(self) -> State:
        """The weights with their adapters merged, as they would be stored."""
        return {
            name: (self.first[name].float() + _delta(layer).float()).to(self.stored[name])
            for name, layer in self.layers.items()
        }

    @torch.no_grad()
    def load(self, state: State) -> None:
        """Show the network with weights as they are stored; adapters are to be switched off."""
        for name, values in state.items():
            self.layers[name].weight.copy_(values)

    def step(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad()

    @contextmanager
    def as_stored(self) -> Iterator[None]:
        """The merged and rounded weights, and no adapters."""
        self.load(self.state())
        try:
            with self.adapted.disable_adapter():
                yield
        finally:
            self.load(self.first)


Trainable = RowMasters | LoraMasters


def adapted_names(adapted: Any) -> list[str]:
    """The weights of the network that have an adapter, called as they were before."""
    return list(_adapted_layers(adapted))


def _adapted_layers(adapted: Any) -> dict[str, Any]:
    from peft.tuners.lora import LoraLayer

    return {
        f"{name}.weight": layer
        for name, layer in adapted.get_base_model().named_modules()
        if isinstance(layer, LoraLayer)
    }


def _delta(layer: Any) -> Tensor:
    """What the adapter adds to the weight; peft transposes it for layers that keep [in, out]."""
    (name,) = layer.active_adapters
    return layer.get_delta_weight(name)
