"""What the README tells a newcomer to type really works, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def typed_commands() -> list[list[str]]:
    lines = [line for block in code_blocks("console") for line in block.splitlines()]
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ workbench ")]


def run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        arguments,
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stderr[-2000:]}"
    return done.stdout


def test_readme_has_commands_and_code():
    assert len(typed_commands()) >= 5
    assert len(code_blocks("python")) == 1


@pytest.mark.parametrize("command", typed_commands(), ids=" ".join)
def test_a_readme_command_has_options_that_exist(command):
    from workbench.cli.main import cli

    options = [word for word in command if word.startswith("--")]
    names = command[1 : command.index(options[0])] if options else command[1:]
    shown = CliRunner().invoke(cli, [*names, "--help"])
    assert shown.exit_code == 0, shown.output
    for option in options:
        assert f"{option} " in shown.output or f"{option}\n" in shown.output


@pytest.mark.thorough
def test_readme_commands_work_one_after_the_other(tmp_path: Path):
    for command in typed_commands():
        run([sys.executable, "-m", "workbench.cli.main", *command[1:]], tmp_path)
    assert (tmp_path / "subset" / "README.md").is_file()
    assert (tmp_path / "subset" / "data.jsonl").is_file()


@pytest.mark.slow
def test_readme_python_chain_works(tmp_path: Path):
    (code,) = code_blocks("python")
    run([sys.executable, "-c", code], tmp_path)
    assert (tmp_path / "subset-from-python" / "provenance.json").is_file()
