"""Uniform attention swapped into heads through `hook_pattern`.

with uniform_heads(model, [Head(2, 5), Head(3, 1)]):
    logits = model.hooked(ids, return_type="logits", use_cache=False)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from workbench.errors import InputError
from workbench.models import (
    Model,
    hooks,
    padded_uniform_pattern,
    pattern_hook,
    uniform_pattern,
)
from workbench.types import Head

Hook = tuple[str, Callable[[Tensor, Any], Tensor]]


def check_heads(model: Model, heads: Iterable[Head]) -> None:
    """Raise InputError for a head that the model does not have."""
    for layer, head in heads:
        if not (0 <= layer < model.n_layers and 0 <= head < model.n_heads):
            raise InputError(
                f"the model {model.info.id} has no head {layer}.{head}",
                expected=f"layer 0 to {model.n_layers - 1} and head 0 to {model.n_heads - 1}",
                do="use heads that were found on this model",
            )


def uniform_hooks(
    model: Model, heads: Iterable[Head], *, real: Bool[Tensor, "batch key"] | None = None
) -> list[Hook]:
    """One hook a layer that makes all of that layer's `heads` uniform over their visible keys.

    `real` tells tokens from padding where the padding is not on the right.
    """
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        by_layer.setdefault(layer, []).append(head)

    def hook_for(layer: int, chosen: list[int]) -> Hook:
        def make_uniform(
            pattern: Float[Tensor, "batch head query key"], hook: Any
        ) -> Float[Tensor, "batch head query key"]:
            edited, window = pattern.clone(), model.windows[layer]
            if real is None:
                edited[:, chosen] = uniform_like(pattern, window)
            else:
                uniform = padded_uniform_pattern(real, window=window)
                edited[:, chosen] = uniform[:, None].to(pattern)
            return edited

        return pattern_hook(layer), make_uniform

    return [hook_for(layer, chosen) for layer, chosen in sorted(by_layer.items())]


def folded_uniform_hook(model: Model, layer: int, heads: Sequence[int]) -> Hook:
    """A hook for a batch that holds one copy of the samples per head (copy-major).

    In copy `c` only head `heads[c]` is made uniform, so one pass ablates many heads one at a time.
    """

    def make_uniform(
        pattern: Float[Tensor, "copies_batch head query key"], hook: Any
    ) -> Float[Tensor, "copies_batch head query key"]:
        n_batch = pattern.shape[0] // len(heads)
        edited = pattern.clone()
        uniform = uniform_like(pattern, model.windows[layer])
        for copy, head in enumerate(heads):
            edited[copy * n_batch : (copy + 1) * n_batch, head] = uniform
        return edited

    return pattern_hook(layer), make_uniform


def folded_set_hooks(model: Model, sets: Sequence[Sequence[Head]]) -> list[Hook]:
    """Hooks for a batch that holds one copy of the samples per set (copy-major).

    In copy `c` all heads of `sets[c]` are uniform together; an empty set leaves its copy clean.
    """
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for copy, heads in enumerate(sets):
        for layer, head in heads:
            by_layer.setdefault(layer, []).append((copy, head))

    def hook_for(layer: int, places: list[tuple[int, int]]) -> Hook:
        def make_uniform(
            pattern: Float[Tensor, "copies_batch head query key"], hook: Any
        ) -> Float[Tensor, "copies_batch head query key"]:
            n_batch = pattern.shape[0] // len(sets)
            edited, uniform = pattern.clone(), uniform_like(pattern, model.windows[layer])
            for copy, head in places:
                edited[copy * n_batch : (copy + 1) * n_batch, head] = uniform
            return edited

        return pattern_hook(layer), make_uniform

    return [hook_for(layer, places) for layer, places in sorted(by_layer.items())]


@contextmanager
def uniform_heads(
    model: Model, heads: Iterable[Head], *, real: Bool[Tensor, "batch key"] | None = None
) -> Iterator[None]:
    """All `heads` uniform together inside the block; afterwards the model is bit-identical.

    `real` is needed only for batches that are not padded on the right.
    """
    heads = tuple(heads)
    check_heads(model, heads)
    with hooks(model, uniform_hooks(model, heads, real=real)):
        yield


def uniform_like(pattern: Tensor, window: int | None) -> Float[Tensor, "query key"]:
    """Uniform rows for the queries there are; with cached keys these are the last of the square.

    A cache that drops keys outside the window leaves the visible ones, counted from the end alike.
    """
    n_query, n_key = pattern.shape[-2:]
    uniform = uniform_pattern(n_key, n_query=n_query, window=window, device=pattern.device)
    return uniform.to(pattern.dtype)
