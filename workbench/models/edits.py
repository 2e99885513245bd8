"""Editing heads: what an intervention is, and the hooks that apply one to chosen heads of each row.

    rows = RowEdits(UNIFORM, chosen_heads([(), circuit.heads], model, n_batch=len(ids)))
    with hooks(model, edit_hooks(model, rows)):
        logits = model.hooked(ids_twice, **model.pass_options)

Every row of a batch has its own set of heads, so one pass ablates many sets. The other kinds are in
`workbench.ablation.kinds`; uniform attention is here because a model must pass it at load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.models.model import Model
from workbench.models.points import outputs_hook, pattern_hook
from workbench.models.uniform import padded_uniform_pattern, uniform_pattern
from workbench.types import Head

PATTERN, OUTPUT = "pattern", "output"
Ids = tuple[int, ...]
Hook = tuple[str, Callable[[Tensor, Any], Tensor]]


class Site(NamedTuple):
    """Where an edit happens, and what it was given: layer, sliding window, and the rest.

    `real` tells tokens from padding where the padding is not on the right. `donor` are outputs
    `[row pos head d_head]` or `[head d_head]`, for edits that need a reference.
    """

    layer: int
    window: int | None = None
    real: Bool[Tensor, "batch key"] | None = None
    donor: Tensor | None = None


# Of an engine, token ids and a seed: what gives the donors of a batch in some layers.
Reference = Callable[[Any, Sequence[Ids], int], Callable[[Sequence[Ids], Sequence[int]], "Donors"]]


@dataclass(frozen=True)
class Intervention:
    """One way to take a head's work away.

    `edit(activation, site)` gives what stands in for the activation of the chosen heads, of a shape
    that broadcasts to it: of `pattern` (`[row head query key]`) or of `output` (`[row pos head
    d_head]`, before the output projection). `reference(engine, samples, seed)` makes what it needs
    of other samples: donors for a batch of token ids, in the layers asked for. `query_zeroed`: the
    same as zero queries, so that no pattern is needed. `note` is a sentence for people.
    """

    name: str
    note: str
    at: str
    edit: Callable[[Tensor, Site], Tensor]
    reference: Reference | None = None
    query_zeroed: bool = False


def uniform_rows(
    pattern: Float[Tensor, "row head query key"], site: Site
) -> Float[Tensor, "#row #head query key"]:
    """Uniform attention over the visible keys, for the queries there are.

    With cached keys these are the last of the square; a cache that drops keys outside the window
    leaves the visible ones, counted from the end alike.
    """
    if site.real is not None:
        return padded_uniform_pattern(site.real, window=site.window)[:, None].to(pattern)
    n_query, n_key = pattern.shape[-2:]
    uniform = uniform_pattern(n_key, n_query=n_query, window=site.window, device=pattern.device)
    return uniform[None, None].to(pattern.dtype)


UNIFORM = Intervention(
    name="uniform",
    note="attention spread evenly over all visible tokens: what a head does that looks at nothing "
    "in particular (the papers' ablation); also switches on heads that rest on the first token",
    at=PATTERN,
    edit=uniform_rows,
    query_zeroed=True,
)


@dataclass(frozen=True)
class Donors:
    """What stands in for the outputs of heads, layer by layer: means, or those of other samples.

    A mean is `[head d_head]` for all rows, or `[pos head d_head]` when it goes `by_position`: its
    last then stands at all later positions too. With `lengths` each row has outputs of its own,
    `[row pos head d_head]`, which begin again where its sample ends.
    """

    by_layer: dict[int, Tensor]
    lengths: Int[Tensor, " row"] | None = None
    by_position: bool = False

    def at(
        self, layer: int, rows: Int[Tensor, " row"], *, first: int, n_pos: int
    ) -> Float[Tensor, "*row_pos head d_head"]:
        """For `n_pos` positions from `first` on of the samples `rows`."""
        outputs = self.by_layer[layer]
        if self.by_position:
            return outputs[torch.arange(first, first + n_pos).clamp(max=len(outputs) - 1)]
        if self.lengths is None:
            return outputs
        places = torch.arange(first, first + n_pos) % self.lengths[rows][:, None]
        return outputs[rows[:, None].to(outputs.device), places.to(outputs.device)]


class RowEdits:
    """Which heads are edited in each row of the passes to come, and how.

    `samples[r]` is the sample that row r is a copy of, for donors. State, for decoding: which rows
    are still there, and the position that the coming pass begins at.
    """

    def __init__(
        self,
        kind: Intervention,
        chosen: Bool[Tensor, "row layer head"],
        *,
        samples: Int[Tensor, " row"] | None = None,
        donors: Donors | None = None,
        real: Bool[Tensor, "batch key"] | None = None,
    ) -> None:
        self.kind, self.donors, self.real = kind, donors, real
        self.every, self.chosen = chosen, chosen
        self.every_sample = torch.arange(len(chosen)) if samples is None else samples
        self.samples, self.first = self.every_sample, 0

    @property
    def layers(self) -> list[int]:
        """Those with any head to edit."""
        return self.every.any(dim=2).any(dim=0).nonzero()[:, 0].tolist()

    def keep(self, rows: Sequence[int]) -> None:
        """The coming passes have these of the rows, in this order."""
        self.chosen, self.samples = self.every[list(rows)], self.every_sample[list(rows)]

    def heads_at(self, layer: int, device: torch.device) -> Bool[Tensor, "row head"]:
        return self.chosen[:, layer].to(device)

    def site(self, model: Model, layer: int, n_pos: int) -> Site:
        """What the edit of a layer is told in a pass of `n_pos` positions."""
        donor = self.donors and self.donors.at(layer, self.samples, first=self.first, n_pos=n_pos)
        return Site(layer, model.windows[layer], self.real, donor)

    def edited_outputs(
        self, model: Model, layer: int, outputs: Float[Tensor, "row pos head d_head"]
    ) -> Float[Tensor, "row pos head d_head"]:
        """The outputs of all heads of a layer, those of the chosen ones replaced."""
        site = self.site(model, layer, outputs.shape[1])
        chosen = self.heads_at(layer, outputs.device)[:, None, :, None]
        return torch.where(chosen, self.kind.edit(outputs, site).to(outputs), outputs)


def by_layer(heads: Iterable[Head]) -> dict[int, list[int]]:
    """The heads of each layer that has any, lowest first, none twice."""
    layers: dict[int, list[int]] = {}
    for layer, head in sorted(set(heads)):
        layers.setdefault(layer, []).append(head)
    return layers


def chosen_heads(
    sets: Sequence[Sequence[Head]], model: Model, *, n_batch: int = 1
) -> Bool[Tensor, "row layer head"]:
    """A row for each of `n_batch` samples under each set, set by set (copy-major)."""
    chosen = torch.zeros(len(sets), model.n_layers, model.n_heads, dtype=torch.bool)
    for row, heads in enumerate(sets):
        for layer, head in heads:
            chosen[row, layer, head] = True
    return chosen.repeat_interleave(n_batch, dim=0)


def edit_hooks(model: Model, rows: RowEdits) -> list[Hook]:
    """One hook a layer that edits the heads of each row; no other place makes hooks for edits."""
    make = _pattern_hook if rows.kind.at == PATTERN else _output_hook
    return [make(model, rows, layer) for layer in rows.layers]


def _pattern_hook(model: Model, rows: RowEdits, layer: int) -> Hook:
    def edit(
        pattern: Float[Tensor, "row head query key"], hook: Any
    ) -> Float[Tensor, "row head query key"]:
        site = rows.site(model, layer, pattern.shape[2])
        chosen = rows.heads_at(layer, pattern.device)[:, :, None, None]
        return torch.where(chosen, rows.kind.edit(pattern, site), pattern)

    return pattern_hook(layer), edit


def _output_hook(model: Model, rows: RowEdits, layer: int) -> Hook:
    def edit(flat: Tensor, hook: Any) -> Tensor:
        outputs = flat
        if flat.ndim == 3:
            outputs = rearrange(flat, "row pos (head d) -> row pos head d", head=model.n_heads)
        return rows.edited_outputs(model, layer, outputs).reshape(flat.shape)

    return outputs_hook(model.hooked, layer), edit
