"""Options that the four commands of `workbench amplify` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.options import (
    device_option,
    dtype_option,
    explain_option,
    json_option,
    model_option,
    runs_option,
    template_option,
)
from workbench.cli.tune import ABOVE_ZERO, POSITIVE, together

if TYPE_CHECKING:
    from workbench.stages import ModelSource

NOT_NEGATIVE = click.IntRange(min=0)
RULES = ("prefix", "branching")
VARIANTS = ("mask", "no-mask", "random", "lora")
CONTROLS = VARIANTS[1:]

model_options = together(
    model_option("; the same in all four steps"), device_option, dtype_option, template_option()
)
lora_lr_option = click.option(
    "--lora-lr",
    "lora_lrs",
    type=ABOVE_ZERO,
    multiple=True,
    default=(2e-4,),
    show_default=True,
    help="Step size of LoRA; of several, validation chooses.",
)
decoding_option = click.option(
    "--batch-tokens",
    type=POSITIVE,
    default=2**16,
    show_default=True,
    help="Cached tokens held at once while decoding: memory and time, not results.",
)
run_options = together(runs_option, json_option, explain_option)


def source_of(name: str, device: str, dtype: str, template: str) -> ModelSource:
    from workbench.stages import ModelSource

    return ModelSource(name, device=device, dtype=dtype, template=template)
