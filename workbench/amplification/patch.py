"""A checkpoint with some rows of some weights replaced, and every other byte as it was.

The files are copied and the rows written over their bytes in place: header, order, padding and all
other weights cannot change.

    with model_folder(Path("updated")) as target:
        copy_checkpoint(folder, target)
        write_rows(target, {})
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.amplification.rows import Rows
from workbench.errors import InputError

# What a folder may hold beside the model: other formats of the same weights, and the old card.
LEFT_OUT = (".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".gguf", ".ckpt")
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
AS_INTEGER = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}
AS_NUMPY = {torch.float32: np.int32, torch.float16: np.int16, torch.bfloat16: np.int16}


class Stored(NamedTuple):
    """Where a weight's bytes are: file, dtype, shape, and the first byte."""

    file: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int


def stored_weights(folder: Path) -> dict[str, Stored]:
    """Every float weight of the safetensors files in a folder, by its name there."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            n_header = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(n_header))
        for name, entry in header.items():
            if entry.get("dtype") in DTYPES:
                start = 8 + n_header + entry["data_offsets"][0]
                shape = tuple(entry["shape"])
                found[name] = Stored(path.name, DTYPES[entry["dtype"]], shape, start)
    return found


def stored_names(folder: Path, names: list[str]) -> dict[str, str]:
    """The name in the files of each weight of the network, which may lack the model's prefix."""
    there = stored_weights(folder)
    found = {}
    for name in names:
        fits = [own for own in there if own == name or name.endswith("." + own)]
        fits = fits or [own for own in there if own.endswith("." + name)]
        if len(fits) != 1:
            raise InputError(
                f"the checkpoint has {len(fits)} weights for '{name}'",
                expected="one, stored in float32, bfloat16 or float16",
                do="save the model again with save_pretrained",
            )
        found[name] = fits[0]
    return found


def copy_checkpoint(source: Path, target: Path) -> None:
    """All files of a model but its card, as they are; hub caches keep links, which are followed."""
    for path in sorted(source.iterdir()):
        wanted = path.is_file() and path.suffix not in LEFT_OUT and path.name != "README.md"
        if wanted and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)


def write_rows(folder: Path, changes: Mapping[str, tuple[Rows | None, Tensor]]) -> None:
    """Write values over the rows of weights named as in the files; no rows means the whole weight.

    Values have the dtype that the weight is stored in.
    """
    there = stored_weights(folder)
    for name, (rows, values) in changes.items():
        stored = there[name]
        if values.dtype != stored.dtype:
            raise ValueError(f"{name} is stored as {stored.dtype}, not {values.dtype}")
        plain = values.detach().cpu().contiguous().view(AS_INTEGER[stored.dtype]).numpy()
        weight = np.memmap(
            folder / stored.file,
            dtype=AS_NUMPY[stored.dtype],
            mode="r+",
            offset=stored.start,
            shape=stored.shape,
        )
        if rows is None:
            weight[:] = plain
        elif rows.axis == 0:
            weight[rows.index.numpy()] = plain
        else:
            weight[:, rows.index.numpy()] = plain
        weight.flush()
