"""Two pretended devices on a machine that has none: every operation that mixes them is refused.

    python -m tests.support.several_devices FOLDER pretended:0 pretended:1    # layers on both

A tensor on a pretended device is a CPU tensor with another device's name, computed on the CPU.
What holds for real ones holds for them: operands must lie together, indices may be on the CPU, a
tensor without dimensions on the CPU goes anywhere, and only a copy moves numbers. Autograd knows
the first pretended device alone, so gradients are measured with it and the CPU. A process of its
own, because PyTorch keeps such a kind of device for good once it is named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from accelerate.hooks import attach_align_device_hook_on_blocks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from tests.support.rows import samples_of
from tests.support.two_libraries import stored_rows
from workbench.ablation import (
    KINDS,
    ablated_heads,
    decode_sets,
    iter_importance,
    iter_screen,
    prepare,
    set_effects,
    weakened_losses,
)
from workbench.circuits import RetrievalSample, retrieval_scores
from workbench.circuits.heads import Circuit
from workbench.engines import HookedEngine, counted_mask, decode, sample_losses
from workbench.models import Model, load_model, padded
from workbench.models import load as loading
from workbench.models.reading import read_weights
from workbench.scoring import ScoreRequest, engine_for, score_samples
from workbench.types import Head

aten = torch.ops.aten
CPU = torch.device("cpu")
NAME = "pretended"
HEADS = [Head(0, 1), Head(1, 2), Head(2, 3)]
MOVES = (aten._to_copy.default, aten.copy_.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)
PAIRS = (("1+1?", "2\n4\n#### 2"), ("How many are 3 and 4?", "3 + 4 = 7\n#### 7"))
METHODS = ("circuitseer", "attention-influence", "air", "loss", "ifd")


class Pretended(torch.Tensor):
    """A CPU tensor `held` under another device's name."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: torch.device) -> Pretended:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=device,
            requires_grad=held.requires_grad,
        )
        made.held = held.detach()
        return made

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})

    def tolist(self):
        return self.held.tolist()

    def numpy(self, **_):
        raise TypeError(f"a tensor on {self.device} is no numpy array before it is on the CPU")


class PretendedDevices(TorchDispatchMode):
    """Inside, tensors may also be made on a pretended device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})


def computed(function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The operation on the CPU, its result where a real one would be; RuntimeError if mixed."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    asked = kwargs.get("device")
    if function is aten.copy_.default:
        place = args[0].device
    elif asked is not None:
        place = torch.device(asked)
    else:
        place = common_place(function, tensors, checked=function not in MOVES)
    if asked is not None:
        kwargs = {**kwargs, "device": CPU}
    done = function(*tree_map(held, args), **tree_map(held, kwargs))
    if function._schema.is_mutable:
        return args[0]
    return done if place == CPU else tree_map(lambda x: placed(x, place), done)


def common_place(function: Any, tensors: list[torch.Tensor], *, checked: bool) -> torch.device:
    if function in INDEXED:
        free = [x for x in tensors[1:] if x.device == CPU and x.dtype in (torch.long, torch.bool)]
    else:
        free = [x for x in tensors if x.device == CPU and x.ndim == 0]
    places = {x.device for x in tensors if not any(x is y for y in free)} or {CPU}
    if checked and len(places) > 1:
        raise RuntimeError(f"{function}: tensors on {', '.join(sorted(map(str, places)))}")
    return next(iter(places))


def held(x: Any) -> Any:
    return x.held if isinstance(x, Pretended) else x


def placed(x: Any, place: torch.device) -> Any:
    is_new = isinstance(x, torch.Tensor) and not isinstance(x, Pretended)
    return Pretended(x, place) if is_new else x


def spread(weights: torch.nn.Module, devices: Sequence[str]) -> torch.nn.Module:
    """Layers in turn on both devices, the final norm and the unembedding apart."""
    one, other = devices
    places = {"model.embed_tokens": one, "model.rotary_emb": one}
    places |= {"model.norm": other, "lm_head": one}
    places |= {
        f"model.layers.{layer}": devices[layer % 2]
        for layer in range(weights.config.num_hidden_layers)
    }
    # What `dispatch_model` does, but that it would compute layers of the CPU on the other device.
    attach_align_device_hook_on_blocks(
        weights, execution_device=places, offload=dict.fromkeys(places, False)
    )
    weights.hf_device_map = places
    return weights


def load_spread(folder: str, devices: Sequence[str]) -> Model:
    """`load_model` as with a device map; here the weights are spread, not by `transformers`."""

    def read(name: str, path: Path, placement: Any, **options: Any) -> Any:
        on_cpu = replace(placement, device_map={"": "cpu"})
        read = read_weights(name, path, on_cpu, **options)
        return read._replace(network=spread(read.network, devices))

    with patch.object(loading, "read_weights", read):
        return load_model(folder, device_map="auto")


def measured(model: Model, *, gradients: bool) -> dict[str, Any]:
    """Every way in which the library asks a model, as numbers of JSON."""
    rows, prompts = stored_rows(), [[10, 20, 30], [99, 98]]
    batches, samples = [range(len(rows))], samples_of(PAIRS)
    ids = padded([row.ids for row in rows], model.pad_id)
    counted = counted_mask(rows, "completion")
    (exact,) = iter_importance(HookedEngine(model), rows, batches=batches)
    documents = [RetrievalSample(samples[0], row, range(4, 9)) for row in rows]
    retrieved = retrieval_scores(HookedEngine(model), documents)
    weak = weakened_losses(HookedEngine(model), HEADS, ids, counted).weak
    with ablated_heads(model, HEADS):
        hooked = model.hooked(ids.to(model.device)).float().cpu()
    found: dict[str, Any] = {
        "losses": list(sample_losses(HookedEngine(model), rows, batches=batches)),
        "importance": exact.deltas.tolist(),
        "sets": set_effects(HookedEngine(model), rows, [(), HEADS], batches=batches).loss.tolist(),
        "uniform": hooked[:, -1].tolist(),
        "retrieval": retrieved.scores.tolist(),
        "decoded": decode_sets(HookedEngine(model), prompts, [(), HEADS], max_new_tokens=6),
        "sampled": decode(HookedEngine(model), prompts, max_new_tokens=6, temperature=1.0),
    }
    found["weakened"] = weak.tolist()
    for kind in KINDS.values():
        ablation = prepare(HookedEngine(model), kind, rows)
        (batch,) = iter_importance(HookedEngine(model), rows, batches=batches, ablation=ablation)
        found[f"importance {kind.name}"] = batch.deltas.tolist()
    if gradients:
        (screened,) = iter_screen(HookedEngine(model), rows, batches=batches)
        found["screen"] = screened.deltas.tolist()
    for method in METHODS:
        request = ScoreRequest.of(method, engine="auto")
        circuit, engine = Circuit(tuple(HEADS), model.info), engine_for(model, request)
        scores = score_samples(samples, request=request, engine=engine, circuit=circuit)
        found[method] = scores["score"].tolist()
    return found


def has_gradients(devices: Sequence[str]) -> bool:
    """Whether autograd knows both devices."""
    return f"{NAME}:1" not in devices


def refuses(operations: Iterable[Any]) -> list[bool]:
    """Whether each operation is refused, as mixing devices is."""

    def refused(act: Any) -> bool:
        try:
            act()
        except RuntimeError as err:
            return "tensors on" in str(err)
        return False

    return [refused(act) for act in operations]


def main() -> None:
    """Print what is measured with layers on two devices, and that mixing them is refused."""
    _setup_privateuseone_for_python_backend(NAME)
    # Python numbers become a tensor on the CPU first and move from there: the move is seen here.
    torch._C._set_only_lift_cpu_tensors(True)
    with PretendedDevices():
        one, other = (torch.ones(3, device=f"{NAME}:{i}") for i in range(2))
        mixing = [lambda: one + other, lambda: one * torch.ones(3), lambda: torch.cat([one, other])]
        moved = [lambda: one.to(other.device) + other, lambda: one * torch.tensor(2.0)]
        folder, *devices = sys.argv[1:]
        model = load_spread(folder, devices)
        content = {
            "device": model.facts["device"],
            "refused": refuses([*mixing, *moved]),
            "measured": measured(model, gradients=has_gradients(devices)),
        }
    print(json.dumps(content))


if __name__ == "__main__":
    main()
