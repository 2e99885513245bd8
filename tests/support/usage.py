"""The usage lines of a module: what its docstring shows as code, and the commands it names.

usage = usage_of(Path("workbench/config.py"))
usage.code, usage.commands
"""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

import click

COMMAND = re.compile(r"^(?:workbench|python -m) ")
IN_MARKS = re.compile(r"`(workbench [^`]+)`")


@dataclass(frozen=True)
class Usage:
    """Python to run, and command lines to look up."""

    code: str
    commands: tuple[str, ...]


def usage_of(path: Path) -> Usage:
    """What stands below the first paragraph of a module's docstring; commands anywhere in it."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    blocks = list(_blocks(text.partition("\n\n")[2]))
    code = [block for block in blocks if not COMMAND.match(block)]
    typed = [line for block in blocks if COMMAND.match(block) for line in block.splitlines()]
    named = [" ".join(found.split()) for found in IN_MARKS.findall(text)]
    return Usage("\n".join(code), (*typed, *named))


def _blocks(text: str) -> Iterator[str]:
    """Indented paragraphs, those that follow one another as one; other paragraphs that are code."""
    paragraphs = [p for p in re.split(r"\n\s*?\n", text) if p.strip()]
    for indented, some in groupby(paragraphs, key=lambda p: p.startswith("    ")):
        if indented:
            yield textwrap.dedent("\n\n".join(some))
        else:
            yield from filter(is_code, some)


def is_code(paragraph: str) -> bool:
    """Whether a paragraph without indent is Python that does something, or a command."""
    if COMMAND.match(paragraph):
        return True
    try:
        tree = ast.parse(paragraph)
    except SyntaxError:
        return False
    return any(isinstance(n, ast.Call | ast.Subscript | ast.ImportFrom) for n in ast.walk(tree))


def names_in(code: str) -> set[str]:
    """Every name that the code mentions."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def check_command(line: str, cli: click.Command) -> None:
    """Raise LookupError unless click knows the command and each of its options.

    `heads find | show` stands for `heads find` and `heads show`; what is neither a command nor an
    option is a value. Other programs (`python -m x`) must be modules that can be found.
    """
    words = shlex.split(line.replace("[", " ").replace("]", " "))
    if words[0] != "workbench":
        module = Path(*words[2].split("."))
        if not module.with_suffix(".py").is_file() and not (module / "__main__.py").is_file():
            raise LookupError(f"no module {words[2]}")
        return
    for way in _ways(words[1:]):
        _look_up(way, cli)


def _ways(words: list[str]) -> Iterator[list[str]]:
    """The words with one of the alternatives between bars at each place."""
    places: list[list[str]] = []
    for i, word in enumerate(words):
        if word == "|":
            continue
        if i and words[i - 1] == "|":
            places[-1].append(word)
        else:
            places.append([word])
    yield from ([*way] for way in product(*places))


def _look_up(words: list[str], command: click.Command) -> None:
    rest = list(words)
    while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            raise LookupError(f"no command {name} in `workbench {' '.join(words)}`")
        command = command.commands[name]
    known = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}
    unknown = [flag for flag in rest if flag.startswith("--") and flag not in known]
    if unknown:
        raise LookupError(f"no option {', '.join(unknown)} in `workbench {' '.join(words)}`")
