"""Where a tuning stands, as one safetensors file that is either whole or not there.

It holds the trained parameters, the optimiser's state of each, the random state, and in its header
the number of steps done and the loss curve. No pickle, so nothing in it can run when it is read.

    path = Path("state.safetensors")
    save_checkpoint(path, network, optimizer, done=12, curve=curve, digest="1a2b3c4d")
    resumed = load_checkpoint(path, digest="1a2b3c4d")
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.errors import InputError
from workbench.runs.files import TMP, writing
from workbench.tuning.curve import Curve

CHECKPOINT = "checkpoint.safetensors"
RANDOM = "random"


@dataclass(frozen=True)
class Resumed:
    """What an earlier attempt left: steps done, the curve up to there, and all state by name."""

    done: int
    curve: Curve
    tensors: dict[str, Tensor]


def save_checkpoint(
    path: Path,
    model: Any,
    optimizer: torch.optim.Optimizer,
    *,
    done: int,
    curve: Curve,
    digest: str,
) -> None:
    """Write the state after `done` steps in place of the one before."""
    tensors = {f"{RANDOM}/{kind}": state for kind, state in random_states().items()}
    for name, parameter in trained(model):
        tensors[f"parameter/{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = value
    plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    header = {"done": str(done), "curve": json.dumps(curve), "digest": digest}
    # A name that an interrupted attempt may leave behind: opening the run sweeps it away.
    unfinished = path.with_name(path.name + TMP)
    with writing(path):
        try:
            save_file(plain, unfinished, header)
        except SafetensorError as err:
            raise OSError(errno.ENOSPC, str(err)) from err
        with unfinished.open("r+b") as file:  # Windows syncs only what may be written
            os.fsync(file.fileno())
        unfinished.replace(path)


def load_checkpoint(path: Path, *, digest: str) -> Resumed | None:
    """The state an earlier attempt left, None if there is none; InputError if it is unreadable."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        tensors = load_file(path)
        done, curve = int(header["done"]), json.loads(header["curve"])
        same = header["digest"] == digest
    except (SafetensorError, KeyError, TypeError, ValueError) as err:
        raise InputError(
            f"the checkpoint '{path}' cannot be read ({type(err).__name__})",
            do="delete it, and the tuning begins anew",
        ) from err
    if not same:
        raise InputError(
            f"the checkpoint '{path}' belongs to another tuning",
            do="delete it, and the tuning begins anew",
        )
    return Resumed(done, curve, tensors)


@torch.no_grad()
def restore(model: Any, optimizer: torch.optim.Optimizer, resumed: Resumed) -> None:
    """Put parameters and optimiser state back; `restore_random` belongs to the first step."""
    parameters = dict(trained(model))
    for key, saved in resumed.tensors.items():
        kind, _, rest = key.partition("/")
        if kind == "parameter":
            parameters[rest].copy_(saved)
        elif kind == "optimizer":
            field, _, name = rest.partition("/")
            # Adam counts its steps on the CPU, wherever the parameter is.
            device = parameters[name].device if saved.ndim else torch.device("cpu")
            optimizer.state[parameters[name]][field] = saved.to(device)


def restore_random(resumed: Resumed) -> None:
    """Set the random generators (dropout draws from them) to where they stood."""
    for kind in random_states():
        saved = resumed.tensors.get(f"{RANDOM}/{kind}")
        if saved is None:
            continue
        if kind == "cpu":
            torch.set_rng_state(saved)
        else:
            getattr(torch, kind).set_rng_state(saved)


def random_states() -> dict[str, Tensor]:
    """The state of each generator that a tuning can draw from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def trained(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters that are trained, by name."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]
