"""What a variant of the update may change: some rows of some weights, or LoRA beside whole ones.

target = target_of(network, folder, kept, shape, UpdateOptions(variant="random"))
target.changes(target.trainable.state())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.amplification import (
    Components,
    LoraMasters,
    ModelShape,
    PlainNetwork,
    RowMasters,
    Rows,
    UpdateOptions,
    adapted_names,
    every_component,
    network_shape,
    random_components,
    read_layout,
    stored_names,
    stored_weights,
)
from workbench.errors import InputError
from workbench.tuning import TuneOptions, with_lora

Changes = dict[str, tuple[Rows | None, Tensor]]


@dataclass(frozen=True)
class Target:
    """What a variant may change: components (none for LoRA), and how its weights are called."""

    components: Components | None
    trainable: RowMasters | LoraMasters
    stored: Mapping[str, str]
    n_values: int

    def changes(self, state: Mapping[str, Tensor]) -> Changes:
        """What to write for a state of the masters, by the names in the files."""
        rows = self.trainable.rows if isinstance(self.trainable, RowMasters) else {}
        return {self.stored[name]: (rows.get(name), values) for name, values in state.items()}


def target_of(
    network: PlainNetwork, folder: Path, kept: Components, shape: ModelShape, options: UpdateOptions
) -> Target:
    """The masters of the variant, over the network's own weights."""
    network = network.wrapped
    if options.variant == "lora":
        how = TuneOptions(
            lora=True,
            lora_rank=options.lora_rank,
            lora_alpha=options.lora_alpha,
            seed=options.seed,
        )
        # Adapters go into the network itself, so every pass through it reads them.
        adapted = with_lora(network, how)
        stored, dtypes = _stored(folder, adapted_names(adapted))
        masters = LoraMasters(adapted, dtypes)
        return Target(None, masters, stored, sum(w.numel() for w in masters.first.values()))
    if network_shape(network) != shape:
        raise InputError(
            f"the mask is for a model of {shape}", expected=f"one of {network_shape(network)}"
        )
    chosen = _chosen(kept, shape, options)
    rows = read_layout(network, shape).rows(chosen)
    stored, dtypes = _stored(folder, sorted(rows))
    masters = RowMasters(network, rows, dtypes)
    return Target(chosen, masters, stored, sum(m.numel() for m in masters.masters.values()))


def _stored(folder: Path, names: list[str]) -> tuple[dict[str, str], dict[str, torch.dtype]]:
    """Each weight's name in the files, and the dtype it is stored in."""
    stored, there = stored_names(folder, names), stored_weights(folder)
    return stored, {name: there[own].dtype for name, own in stored.items()}


def _chosen(kept: Components, shape: ModelShape, options: UpdateOptions) -> Components:
    if options.variant == "no-mask":
        return every_component(shape)
    if not len(kept):
        raise InputError(
            "the mask keeps no component",
            expected="at least one",
            do="learn it with a smaller --l1",
        )
    if options.variant == "random":
        return random_components(kept, shape, seed=options.seed)
    return kept


def changed_share(target: Target, shape: ModelShape, n_all: int) -> dict[str, Any]:
    """How much of the model the variant may change; LoRA reaches every component."""
    n_components = shape.n_components if target.components is None else len(target.components)
    return {
        "components": target.components.to_json() if target.components else None,
        "n_components": n_components,
        "share_components": n_components / shape.n_components,
        "n_values": target.n_values,
        "share_values": target.n_values / n_all,
    }
