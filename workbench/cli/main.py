"""The command `workbench`: nouns and verbs, exit codes, and one sentence for every mistake.

    workbench --help

Modules below `workbench.cli` parse, call and print; whatever is heavy is imported in the bodies.
"""

from __future__ import annotations

import io
import os
import sys

import click

from workbench import __version__
from workbench.allocator import keep_freed_memory
from workbench.cli.amplify import amplify
from workbench.cli.app import app
from workbench.cli.data import data
from workbench.cli.demo import demo
from workbench.cli.doctor import doctor
from workbench.cli.export import export
from workbench.cli.heads import heads
from workbench.cli.models import models
from workbench.cli.probe import probe
from workbench.cli.progress import interrupt_on_signals
from workbench.cli.runs import runs
from workbench.cli.score import score
from workbench.cli.select import select
from workbench.cli.trial import trial
from workbench.cli.tune import tune
from workbench.cli.validate import validate
from workbench.errors import WorkbenchError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="workbench")
def cli() -> None:
    """Find the heads a language model reasons with, check them, and choose training data by them.

    The usual way: probe build, heads find, heads validate, score, select, export.
    `workbench demo` does all of it on bundled data.
    """


ALL = (
    *(amplify, app, data, demo, doctor, export, heads, models, probe),
    *(runs, score, select, trial, tune),
)
for command in ALL:
    cli.add_command(command)
heads.add_command(validate)


def main() -> None:
    """Run the command line; exit 0 done, 1 failed, 2 wrong usage or input, 130 interrupted."""
    interrupt_on_signals()
    keep_freed_memory()
    _say_every_letter()
    try:
        cli(standalone_mode=False)
    except click.ClickException as err:
        err.show()
        sys.exit(2)
    except WorkbenchError as err:
        click.echo(f"Error: {err}.", err=True)
        sys.exit(err.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. Run the same command again to go on where it stopped.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except MemoryError:
        click.echo(
            "Failed: the memory does not suffice; close other programs, raise the limit, or pass "
            "less data at once (a .jsonl file is read row by row, a .json file whole).",
            err=True,
        )
        sys.exit(1)
    except Exception as err:
        if isinstance(err, OSError):
            _close_stdout()
        if os.environ.get("WORKBENCH_DEBUG"):
            raise
        click.echo(
            f"Failed: {type(err).__name__}: {err}. Set WORKBENCH_DEBUG=1 for the traceback.",
            err=True,
        )
        sys.exit(1)


def _say_every_letter() -> None:
    """Letters that the terminal lacks are written as escapes, else they would end the program."""
    if "utf" not in str(sys.stdout.encoding).lower() and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _close_stdout() -> None:
    """A full disk behind stdout is told once, and not again by the interpreter when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
