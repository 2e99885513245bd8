"""Options that the four commands of `workbench amplify` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.options import explain_option, json_option, runs_option
from workbench.cli.tune import POSITIVE, together

if TYPE_CHECKING:
    from workbench.execute import ModelSource

NOT_NEGATIVE = click.IntRange(min=0)
RULES = ("prefix", "branching")
VARIANTS = ("mask", "no-mask", "random", "lora")
CONTROLS = VARIANTS[1:]

model_options = together(
    click.option(
        "--model",
        "model_name",
        default="math-tiny",
        show_default=True,
        metavar="M",
        help="Bundled name, folder, or hub id[@revision]; the same in all four steps.",
    ),
    click.option("--device", default="auto", show_default=True),
    click.option(
        "--dtype", default="float32", show_default=True, help="float32, bfloat16 or float16."
    ),
    click.option(
        "--template",
        type=click.Choice(["auto", "none", "chat"]),
        default="auto",
        show_default=True,
        help="Render rows by the tokenizer's chat template: if it has one, never, always.",
    ),
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
    from workbench.execute import ModelSource

    return ModelSource(name, device=device, dtype=dtype, template=template)
