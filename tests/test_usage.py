"""The usage line that every module opens with works: Python is run, commands are looked up."""

from __future__ import annotations

import builtins
import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import pytest

from tests.support.prepared import Prepared
from tests.support.usage import check_command, is_code, names_in, usage_of

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "workbench").rglob("*.py"))
# Without usage line, and why.
WITHOUT = {
    "workbench/types.py": "records alone: every other module's lines pass them on",
    "workbench/models/hub.py": "asks the hub, which tests/models/test_hub.py stands in for",
    "workbench/models/hooked.py": "needs TransformerLens 3.x, on which `make test-tl3` runs",
}
LIBRARIES = {"np": "numpy", "torch": "torch", "json": "json", "random": "random", "st": "streamlit"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "workbench").parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public(module: ModuleType) -> dict[str, Any]:
    names = getattr(module, "__all__", None) or vars(module)
    found = {name: getattr(module, name) for name in names if not name.startswith("__")}
    return {name: it for name, it in found.items() if not isinstance(it, ModuleType)}


def is_own_module(it: object) -> bool:
    """`workbench.runs.run` is an attribute of its package, and not what a line means by `run`."""
    return isinstance(it, ModuleType) and it.__name__.startswith("workbench")


def every_package() -> list[ModuleType]:
    import workbench

    found = [p.name for p in pkgutil.iter_modules(workbench.__path__)]
    return [importlib.import_module(f"workbench.{name}") for name in found if name != "cli"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, anywhere):
    from workbench.bundled import DATASETS
    from workbench.options import ProbeOptions, ValidateOptions
    from workbench.stages import demo

    made = Prepared(tmp_path_factory.mktemp("usage"), SimpleNamespace(**anywhere))
    with pytest.MonkeyPatch.context() as patch:
        few = ValidateOptions(n=4, control_n=2, decode_n=0, curve_n=0, random=3)
        small = replace(demo.CHAINS["math-tiny"], probe=ProbeOptions(n=8), validation=few)
        patch.setitem(demo.CHAINS, "math-tiny", small)
        for name, path in made.shared.pools.items():
            patch.setitem(DATASETS, name, path)
        yield made


@pytest.fixture(scope="module")
def anywhere():
    """What any package shows, for lines that use another's names."""
    return {name: it for package in every_package() for name, it in public(package).items()}


def scope_of(path: Path, code: str, prepared: Prepared, anywhere: dict[str, Any]) -> dict[str, Any]:
    """Every name in the code: of the module, of its package, prepared, or of any package."""
    module = importlib.import_module(module_name(path))
    package = package_of(path)
    own = public(importlib.import_module(f"workbench.{package}")) | {
        name: it for name, it in vars(module).items() if not name.startswith("__")
    }
    scope: dict[str, Any] = {"Path": Path}
    for name in names_in(code) - set(vars(builtins)):
        try:
            if name in own and not is_own_module(own[name]):
                scope[name] = own[name]
            elif name in LIBRARIES:
                scope[name] = importlib.import_module(LIBRARIES[name])
            else:
                scope[name] = prepared.word(module.__name__, name)
        except LookupError:
            if name in anywhere:
                scope[name] = anywhere[name]
    return scope


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_usage_lines_of_a_module_work(path, prepared, anywhere, tmp_path, monkeypatch):
    from workbench.cli.main import cli
    from workbench.errors import WorkbenchError

    usage = usage_of(path)
    if not usage.code and not usage.commands:
        assert path.name == "__init__.py" or name_of(path) in WITHOUT, "no usage line"
        return
    for command in usage.commands:
        check_command(command, cli)
    if name_of(path) in WITHOUT:
        return
    prepared.shared.fresh(tmp_path)
    monkeypatch.chdir(tmp_path)
    scope = scope_of(path, usage.code, prepared, anywhere)
    code = compile(usage.code, name_of(path), "exec")
    if usage.code.startswith("raise "):
        with pytest.raises(WorkbenchError):
            exec(code, scope)
        return
    exec(code, scope)


def test_the_list_of_modules_without_a_line_names_modules():
    assert [name for name in WITHOUT if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("workbench heads find --method race", True),
        ("workbench heads find | show | compare", True),
        ("workbench heads lose", False),
        ("workbench score --methods loss", False),
        ("python -m tests.support.usage", True),
        ("python -m tests.support.nothing", False),
    ],
)
def test_commands_are_looked_up_with_their_options(line, known):
    from workbench.cli.main import cli

    assert isinstance(cli, click.Group)
    if known:
        check_command(line, cli)
        return
    with pytest.raises(LookupError):
        check_command(line, cli)


def test_prose_is_no_code():
    assert is_code("found = f(x)")
    assert is_code("workbench --help")
    assert not is_code("Pure.")
    assert not is_code("What is not there is not run.")
