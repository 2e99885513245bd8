"""Which model, and how it is loaded and run.

LoadOptions(device="cuda", dtype="bfloat16")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.options.record import check_options, option

DTYPES = ("float32", "bfloat16", "float16")
QUANTIZE = ("8bit", "4bit")
TEMPLATES = ("auto", "none", "chat")
ENGINES = ("auto", "fused", "hooked")


def engine_option() -> Any:
    return option(
        "auto",
        "fused: SDPA and no whole patterns; auto: where it agrees with the hooked engine.",
        choices=ENGINES,
    )


def batch_tokens_option() -> Any:
    return option(None, "Tokens in a batch, padding included; default: by free memory.", low=1)


@dataclass(frozen=True)
class LoadOptions:
    """A model by name; `dtype`, `quantize` and `template` change numbers, the others do not."""

    model: str = option(
        "math-tiny", "Name (see `models list`), folder, GGUF, or hub id[@revision].", metavar="M"
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps.")
    dtype: str = option("float32", "Of weights and arithmetic.", choices=DTYPES)
    device_map: str | None = option(
        None,
        "Spread the model over devices: auto, balanced, ... or a JSON object.",
        metavar="MAP",
    )
    quantize: str | None = option(
        None, "Pack the weights by bitsandbytes (extra 'quant').", choices=QUANTIZE
    )
    template: str = option(
        "auto",
        "Render rows by the tokenizer's chat template: if it has one, never, always.",
        choices=TEMPLATES,
    )
    engine: str = engine_option()
    trust_remote_code: bool = option(False, "Run the code that the model's repository brings.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class BatchOptions:
    """How much is run at once; None goes by free memory."""

    batch_tokens: int | None = batch_tokens_option()

    def __post_init__(self) -> None:
        check_options(self)
