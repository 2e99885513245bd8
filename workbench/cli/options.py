"""Options that every stage shares, the progress bar, and how a result is printed.

@common
def command(place, json_output, ...): ...
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from workbench.models import Model
    from workbench.stages import ModelSource, Outcome, Place


class Finite(click.FloatRange):
    """A finite number, in a range on request; click alone lets NaN and infinities pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


runs_option = click.option(
    "--runs",
    "runs_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder that holds the runs.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)
seed_option = click.option("--seed", type=int, default=0, show_default=True)
data_option = click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="D",
    help="Bundled name (gsm8k, math, generated, text), file, glob, or hf:owner/name; repeatable.",
)
explain_option = click.option(
    "--explain", is_flag=True, help="Print forward passes, time and memory, and do nothing."
)
heads_option = click.option(
    "--heads", "heads_ref", metavar="H", help="Run folder or heads.json of `heads find`."
)
device_option = click.option("--device", default="auto", show_default=True)
dtype_option = click.option(
    "--dtype", default="float32", show_default=True, help="float32, bfloat16 or float16."
)


def model_option(remark: str = "") -> Callable:
    """`--model`, with a remark of the command's own behind the help."""
    return click.option(
        "--model",
        "model_name",
        default="math-tiny",
        show_default=True,
        metavar="M",
        help=f"Bundled name, folder, or hub id[@revision]{remark}.",
    )


def template_option(**kept: Any) -> Callable:
    """`--template`; `kept` says how its value reaches the command."""
    return click.option(
        "--template",
        type=click.Choice(["auto", "none", "chat"]),
        default="auto",
        show_default=True,
        help="Render rows by the tokenizer's chat template: if it has one, never, always.",
        **kept,
    )


LOADING = f"{__name__}.loading"


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep how a model is loaded for `model_source`, out of every command's own arguments."""
    ctx.meta.setdefault(LOADING, {})[param.name] = value


def model_source(name: str, *, device: str, dtype: str) -> ModelSource:
    """The model of the command that is running, loaded as all of its options say."""
    from workbench.stages import ModelSource

    loading = click.get_current_context().meta.get(LOADING, {})
    return ModelSource(name, device=device, dtype=dtype, **loading)


def model_options(function: Callable) -> Callable:
    """`--model` and how it is loaded (see `model_source`), and `--batch-tokens`."""
    for option in reversed(
        (
            model_option(),
            device_option,
            dtype_option,
            click.option(
                "--device-map",
                callback=_remember,
                expose_value=False,
                metavar="MAP",
                help="Spread the model over devices: auto, balanced, ... or a JSON object.",
            ),
            click.option(
                "--quantize",
                type=click.Choice(["8bit", "4bit"]),
                callback=_remember,
                expose_value=False,
                help="Pack the weights by bitsandbytes (extra 'quant').",
            ),
            template_option(callback=_remember, expose_value=False),
            click.option(
                "--batch-tokens",
                type=click.IntRange(min=1),
                default=None,
                help="Tokens in a batch, padding included; default: by free memory.",
            ),
        )
    ):
        function = option(function)
    return function


def place(runs_dir: Path, *, quiet: bool = False) -> Place:
    """Where runs go, with a bar on stderr when a person is watching."""
    from workbench.stages import Place
    from workbench.types import no_progress

    return Place(runs_dir, no_progress if quiet else Bar())


class Bar:
    """Progress on one line of stderr: share, what is being done, time left; once per `PAUSE`."""

    PAUSE = 0.2

    def __init__(self) -> None:
        self._started = self._shown = 0.0
        self._first = 0

    def __call__(self, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        if not self._started or done <= self._first:
            self._started, self._first = now, done
        last = done >= total
        if now - self._shown < self.PAUSE and not last:
            return
        self._shown = now
        left = ""
        if done > self._first and not last:
            seconds = (now - self._started) / (done - self._first) * (total - done)
            left = f", {_minutes(seconds)} left"
        line = f"  {done / max(total, 1):4.0%}  {text}{left}"
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{line}", nl=last, err=True)
        elif last:
            click.echo(line, err=True)
        if last:
            self._started = 0.0


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def result_object(outcome: Outcome, **more: Any) -> dict[str, Any]:
    """What `--json` prints for a finished run."""
    return {
        "run": str(outcome.run),
        "result": str(outcome.result),
        "status": "finished",
        "reused": outcome.reused,
        **more,
    }


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def print_outcome(outcome: Outcome) -> None:
    """The last lines of every stage for a person: where the result is."""
    note = " (a finished run answered)" if outcome.reused else ""
    click.echo(f"{outcome.result}{note}")


def print_left_out(left_out: Mapping[str, int]) -> None:
    """How many rows were left out, one line a reason."""
    for reason, n in left_out.items():
        click.echo(f"  {n} left out: {reason}")


def loaded_model_note(model: Model) -> str:
    shape = f"{model.n_layers} layers x {model.n_heads} heads"
    return f"{model.info.id}: {shape}, {model.facts['dtype']} on {model.facts['device']}"
