"""Every command explains itself, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from workbench.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
SLOWEST = ("torch", "pandas", "transformers", "transformer_lens", "streamlit")
HEAVY = ("torch", "pandas", "transformers", "transformer_lens", "streamlit", "pyarrow")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = sorted(commands(cli))


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def test_the_commands_are_those_that_scripts_rely_on():
    promised = {
        ("demo",),
        ("doctor",),
        ("probe", "build"),
        ("heads", "find"),
        ("heads", "retrieve"),
        ("heads", "show"),
        ("heads", "compare"),
        ("heads", "validate"),
        ("score",),
        ("select",),
        ("export",),
        ("runs", "list"),
        ("runs", "show"),
        ("runs", "path"),
        ("select", "compare"),
        ("trial",),
        ("tune",),
        *(("amplify", step) for step in ("localize", "mask", "update", "report")),
        ("app",),
    }
    assert promised <= set(EVERY)


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(path, flag):
    result = CliRunner().invoke(cli, [*path, flag])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    assert (command_at(path).help or "").split(".")[0].split()[0] in result.output


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_stage_prints_json_on_request(path):
    command = command_at(path)
    if isinstance(command, click.Group) or path == ("app",):
        return
    assert "as_json" in {parameter.name for parameter in command.params}


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['workbench', '--help']\n"
        "from workbench.cli.main import main; main()\n"
        f"print(*(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    after = os.times()
    assert done.returncode == 0
    assert "Find the heads a language model reasons with" in done.stdout
    assert done.stderr.split() == []
    # Time on the processor: the clock on the wall also measures who else is working.
    spent = after.children_user + after.children_system
    assert spent - before.children_user - before.children_system < 1.5


def test_showing_heads_loads_no_model_library(tmp_path):
    heads = next((ROOT / "data" / "demo_runs").glob("heads-exact-*/heads.json"))
    code = (
        f"import sys; sys.argv = ['workbench', 'heads', 'show', {str(heads)!r}]\n"
        "from workbench.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(*(set({SLOWEST!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "layer  0" in done.stdout
    assert done.stderr.split() == []


def test_the_version_is_printed(workbench):
    done = workbench("--version")
    assert done.code == 0
    assert done.out.startswith("workbench, version ")
