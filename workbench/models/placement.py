"""Where a model's weights go and in which numbers: a device or several, a dtype, or few bits.

placement = resolve_placement(device="auto", dtype="bfloat16")
placement.read_options()
"""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from workbench.errors import InputError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
QUANTIZE = ("8bit", "4bit")


@dataclass(frozen=True)
class Placement:
    """Exactly one of `device` (all weights there) and `device_map` (accelerate spreads them).

    `quantize` "8bit" or "4bit" stores the weights of linear layers in so few bits (bitsandbytes);
    `dtype` is what everything else and the arithmetic is in.
    """

    dtype: torch.dtype
    device: torch.device | None = None
    device_map: str | Mapping[str, str | int] | None = None
    quantize: str | None = None

    def read_options(self) -> dict[str, Any]:
        """What `from_pretrained` is told about placement."""
        options: dict[str, Any] = {"dtype": self.dtype}
        if self.device_map is not None:
            options["device_map"] = self.device_map
        if self.quantize is not None:
            from transformers import BitsAndBytesConfig

            # It says at every product of 8-bit weights that the inputs are cast.
            logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
            # bitsandbytes packs weights as they are read, so they must be read to their device.
            options.setdefault("device_map", {"": str(self.device)})
            options["quantization_config"] = (
                BitsAndBytesConfig(load_in_8bit=True)
                if self.quantize == "8bit"
                else BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=self.dtype)
            )
        return options

    @property
    def placed_while_read(self) -> bool:
        """Whether reading the weights already put them where they belong."""
        return self.device_map is not None or self.quantize is not None


def resolve_placement(
    *,
    device: str = "auto",
    dtype: str = "float32",
    device_map: str | Mapping[str, str | int] | None = None,
    quantize: str | None = None,
) -> Placement:
    """The placement in torch's terms; InputError for what is unknown or not installed here."""
    torch_dtype = resolve_dtype(dtype)
    if quantize is not None:
        _check_quantize(quantize)
    if device_map is None:
        return Placement(torch_dtype, device=resolve_device(device), quantize=quantize)
    if device != "auto":
        raise InputError(
            f"both a device ('{device}') and a device map are given",
            expected="one of the two",
            do="leave out --device, or --device-map",
        )
    return Placement(torch_dtype, device_map=_resolve_map(device_map), quantize=quantize)


def resolve_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(name.partition(":")[0], False):
        raise InputError(
            f"the device '{name}' is not available here",
            expected=" or ".join(["auto", *(k for k, there in available.items() if there)]),
            do="pass --device cpu",
        )
    try:
        return torch.device(name)
    except RuntimeError as err:
        raise InputError(
            f"the device is '{name}'", expected="a name such as cpu, cuda or cuda:1"
        ) from err


def resolve_dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise InputError(
            f"the dtype is '{name}'", expected=" or ".join(DTYPES), do="pass --dtype float32"
        )
    return DTYPES[name]


def _check_quantize(name: str) -> None:
    if name not in QUANTIZE:
        raise InputError(f"quantize is '{name}'", expected=" or ".join(QUANTIZE))
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError(
            f"weights of {name.removesuffix('bit')} bits need bitsandbytes, which is not installed",
            expected="the extra 'quant'",
            do="pip install 'circuit-workbench[quant]'",
        )


def _resolve_map(given: str | Mapping[str, str | int]) -> str | dict[str, str | int]:
    """A strategy's name as it is, JSON text or a mapping of module names to devices as a dict."""
    if isinstance(given, str) and given in DEVICE_MAPS:
        return given
    try:
        mapping = json.loads(given) if isinstance(given, str) else dict(given)
    except ValueError:
        mapping = None
    if not (isinstance(mapping, dict) and mapping):
        raise InputError(
            f"the device map is '{given}'",
            expected=f"{', '.join(DEVICE_MAPS)}, or a JSON object of module names and devices",
            do="pass --device-map auto",
        )
    return mapping
