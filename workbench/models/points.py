"""Names of the hook points that the workbench reads and edits, in one place.

    pattern_hook(3)    # "blocks.3.attn.hook_pattern"

A bridge of TransformerLens 4 and a HookedTransformer of 3.x call some of them differently; which a
network has is asked of its `hook_dict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What a mask of components scales: queries, keys and values of heads, and neurons.
COMPONENTS = {
    "query": "blocks.{}.attn.hook_q",
    "key": "blocks.{}.attn.hook_k",
    "value": "blocks.{}.attn.hook_v",
    "neuron": "blocks.{}.mlp.hook_post",
}
# On a bridge these see what the projections take and give, whatever keeps its heads on one axis.
VALUES = ("blocks.{}.attn.v.hook_out", "blocks.{}.attn.hook_v")
OUTPUTS = ("blocks.{}.attn.o.hook_in", "blocks.{}.attn.hook_z")
# After projection, bias, norm and rotation, as far as an architecture shows that much.
QUERIES = ("blocks.{}.attn.hook_rot_q", "blocks.{}.attn.hook_q", "blocks.{}.attn.q.hook_out")


def pattern_hook(layer: int) -> str:
    """The attention pattern of a layer, `[batch, query_head, query, key]`."""
    return f"blocks.{layer}.attn.hook_pattern"


def values_hook(hooked: Any, layer: int) -> str:
    """The values of a layer, one a key/value head."""
    return _known(hooked.hook_dict, VALUES, layer)


def outputs_hook(hooked: Any, layer: int) -> str:
    """The outputs of a layer's heads, before the projection that adds them up."""
    return _known(hooked.hook_dict, OUTPUTS, layer)


def query_hooks(layer: int) -> list[str]:
    """Where queries may be seen, the most finished first."""
    return [name.format(layer) for name in QUERIES]


def component_hook(kind: str, layer: int) -> str:
    """Where a mask scales components of one kind."""
    return COMPONENTS[kind].format(layer)


def _known(hook_dict: Mapping[str, Any], names: tuple[str, ...], layer: int) -> str:
    """The first of the names that the network has; the last where it has none."""
    here = [name.format(layer) for name in names]
    return next((name for name in here if name in hook_dict), here[-1])
