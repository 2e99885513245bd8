"""Where an optimisation stands, as one safetensors file that is either whole or not there.

Tensors by name, and whatever else is needed to go on as JSON in the file's header. No pickle, so
nothing in it can run when it is read.

    path = Path("mask.safetensors")
    save_state(path, {"values/query": values["query"]}, {"curve": curve})
    tensors, facts = load_state(path)
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.errors import InputError
from workbench.runs.files import TMP, writing

CHECKPOINT = "checkpoint.safetensors"
FACTS = "facts"
State = dict[str, Tensor]


def save_state(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write the state in place of the one before."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # A name that an interrupted attempt may leave behind: opening the run sweeps it away.
    unfinished = path.with_name(path.name + TMP)
    with writing(path):
        try:
            save_file(plain, unfinished, {FACTS: json.dumps(facts)})
        except SafetensorError as err:
            raise OSError(errno.ENOSPC, str(err)) from err
        with unfinished.open("r+b") as file:  # Windows syncs only what may be written
            os.fsync(file.fileno())
        unfinished.replace(path)


def load_state(path: Path | None) -> tuple[State, dict[str, Any]] | None:
    """What an earlier attempt left, None if there is nothing; InputError if it is unreadable."""
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()[FACTS])
        return load_file(path), facts
    except (SafetensorError, KeyError, TypeError, ValueError) as err:
        raise InputError(
            f"the checkpoint '{path}' cannot be read ({type(err).__name__})",
            expected="what an interrupted attempt of the same run left",
            do="delete it, and this run begins anew",
        ) from err


def part_of_state(tensors: Mapping[str, Tensor], kind: str) -> State:
    """The tensors whose name begins with `kind/`, without it."""
    return {
        name.removeprefix(f"{kind}/"): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{kind}/")
    }
