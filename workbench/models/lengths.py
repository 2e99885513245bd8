"""Do the numbers of a token depend on how long the text is that it stands in? With some rotations.

    model.lengths                    # a LengthRule; None for nearly every model
    model.length_group(5000)         # texts of one group may share a batch

LongRoPE turns by other angles beyond the length of the first training, dynamic NTK by other angles
at every length beyond it. Which model does is asked of the model, not of its configuration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from workbench.models.model import Model

# Tokens whose logits are compared, behind them the one that stands far away.
N_COMPARED = 7
# Of the largest logit; the same operations on the same numbers give the same bits nearly anywhere.
SAME = 1e-5
STATE = "max_seq_len_cached"


@dataclass(frozen=True)
class LengthRule:
    """Texts of up to `switch` tokens are turned alike, longer ones otherwise.

    Those alike as well, or (`each`) every length by angles of its own.
    """

    switch: int
    each: bool

    def group(self, n_pos: int) -> int:
        """The same number for lengths at which a token has the same angles."""
        if n_pos <= self.switch:
            return 0
        return n_pos if self.each else self.switch + 1


def length_rule(model: Model) -> LengthRule | None:
    """How the angles of `model` depend on a text's length; None where they do not.

    The first tokens of a row are run with a last one that comes next, and with one that stands at
    the end of the context: causal attention cannot tell, unless the angles do. Where they do the
    switch is found by halving.
    """
    if model.wrapped is None or not _takes_positions(model) or model.n_ctx <= N_COMPARED + 1:
        return None
    near = _logits(model, N_COMPARED + 1)

    def alike(n_pos: int, other: Float[Tensor, "pos vocab"] = near) -> bool:
        return bool((_logits(model, n_pos) - other).abs().max() <= SAME * other.abs().max())

    if alike(model.n_ctx):
        return None
    switch = _last(alike, N_COMPARED + 1, model.n_ctx)
    return LengthRule(switch, each=not alike(model.n_ctx, _logits(model, switch + 1)))


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last number for which `holds`, which it does of `low` and does not of `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _takes_positions(model: Model) -> bool:
    network: Any = type(model.wrapped)
    return "position_ids" in inspect.signature(network.forward).parameters


@torch.no_grad()
def _logits(model: Model, n_pos: int) -> Float[Tensor, "pos vocab"]:
    """Of the first tokens of a row whose last token stands at position `n_pos - 1`."""
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(0, model.hooked.cfg.d_vocab, (1, N_COMPARED + 1), generator=generator)
    places = torch.tensor([[*range(N_COMPARED), n_pos - 1]])
    ids, places = ids.to(model.device), places.to(model.device)
    logits = model.hooked(ids, position_ids=places, **model.pass_options)
    return logits[0, :N_COMPARED].float()


def forget_lengths(network: torch.nn.Module) -> None:
    """Let no rotation remember the longest text so far: a pass would depend on those before it."""
    for module in network.modules():
        if any(name.endswith(STATE) for name in vars(module)):
            module.register_forward_pre_hook(_as_at_first)


def _as_at_first(module: Any, _args: Any) -> None:
    """Angles as they were before any text, where a longer one has changed them."""
    for name, longest in list(vars(module).items()):
        if name.endswith(STATE) and longest != module.original_max_seq_len:
            kind = name.removesuffix(STATE)
            angles = getattr(module, f"{kind}inv_freq")
            first = getattr(module, f"{kind}original_inv_freq").to(angles.device)
            module.register_buffer(f"{kind}inv_freq", first, persistent=False)
            setattr(module, name, module.original_max_seq_len)
