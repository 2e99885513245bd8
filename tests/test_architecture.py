"""The architecture as rules on imports and calls, read from the source with `ast`.

The order of the packages, low to high, is `LEVELS`; a module imports lower levels only, and
`SAME_LEVEL` lists the few sideways imports that are allowed.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = (
    (
        *("errors", "types", "names", "answer_marks", "config"),
        *("ahead", "bundled", "catalog", "allocator", "options"),
    ),
    ("models", "data", "runs", "distributed"),
    ("engines",),
    ("probe", "ablation"),
    ("circuits", "scoring"),
    ("figures",),
    ("reports",),
    ("selection", "amplification", "tuning"),
    ("trial",),
    ("stages",),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
# (importer, imported): everything in the lowest level may raise the errors and use the records.
SAME_LEVEL = {
    ("types", "errors"),
    ("config", "errors"),
    ("bundled", "errors"),
    ("catalog", "errors"),
    ("catalog", "bundled"),
    ("options", "errors"),
    ("options", "names"),
}
ONLY_IMPORTER = {"transformer_lens": "models", "ray": "distributed"}
HEAVY = ("torch", "pandas", "transformers", "transformer_lens", "streamlit")
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"torch.load", "torch.save"}


def sources(*folders: str) -> list[Path]:
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    # `analyses/*/work` is scratch space, out of git.
    return [path for path in files if not {"_bundled", "work"} & set(name_of(path).split("/"))]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """Every imported thing, dotted; `from a import b` counts as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(tree: ast.AST) -> set[str]:
    """The packages of the workbench that a module imports: `scoring` for `workbench.scoring.x`."""
    parts = [name.split(".") for name in imports(tree) if name.split(".")[0] == "workbench"]
    return {part[1] for part in parts if len(part) > 1 and part[1] in LEVEL}


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "workbench").parts[0].removesuffix(".py")


def allowed(importer: str, imported: str) -> bool:
    return (
        importer == imported
        or LEVEL[imported] < LEVEL[importer]
        or (importer, imported) in SAME_LEVEL
    )


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute or a name, else nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.AST) -> set[str]:
    return {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


WORKBENCH = sources("workbench")
CALLERS = sources("apps", "analyses")
EVERYTHING = [*WORKBENCH, *CALLERS]


def test_the_rules_see_the_sources():
    assert ROOT / "workbench/runs/run.py" in WORKBENCH
    assert "errors" in own_imports(tree_of(ROOT / "workbench/runs/run.py"))


def test_the_rules_catch_what_they_forbid():
    tree = ast.parse(
        "import workbench.cli.main\nfrom workbench import scoring\nfrom workbench.data.x import y\n"
        "def f():\n    import torch\n    torch.save(1)\n    print(1)\n"
    )
    assert own_imports(tree) == {"cli", "scoring", "data"}
    assert {"torch.save", "print"} <= calls(tree)
    assert not allowed("models", "data")
    assert not allowed("probe", "scoring")
    assert allowed("scoring", "models")


@pytest.mark.parametrize("path", WORKBENCH, ids=name_of)
def test_every_module_has_a_place_in_the_order_and_keeps_it(path):
    package = package_of(path)
    if package == "__init__":
        assert own_imports(tree_of(path)) == set()
        return
    assert package in LEVEL, f"give '{package}' a level in LEVELS, or move it into a package"
    upward = {name for name in own_imports(tree_of(path)) if not allowed(package, name)}
    assert upward == set(), f"{name_of(path)} imports {upward}, which is not below '{package}'"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
@pytest.mark.parametrize("library", ONLY_IMPORTER)
def test_some_libraries_have_one_importer(path, library):
    if library in {name.split(".")[0] for name in imports(tree_of(path))}:
        assert path.is_relative_to(ROOT / "workbench")
        assert package_of(path) == ONLY_IMPORTER[library]


@pytest.mark.parametrize("path", WORKBENCH, ids=name_of)
def test_the_workbench_does_not_know_its_pages(path):
    roots = {name.split(".")[0] for name in imports(tree_of(path))}
    assert roots & {"streamlit", "apps", "analyses"} == set()


@pytest.mark.parametrize("path", CALLERS, ids=name_of)
def test_pages_and_analyses_use_public_names_only(path):
    """`from workbench.scoring import score_all`, nothing from within a package, nothing private."""
    own = [name.split(".") for name in imports(tree_of(path)) if name.startswith("workbench")]
    deep = [".".join(name) for name in own if len(name) > 3 or name[-1].startswith("_")]
    assert deep == [], f"{name_of(path)} reaches into a package, export these in its __init__"
    modules = [name for name in own if len(name) == 3 and is_submodule(name)]
    assert modules == [], f"{name_of(path)} imports modules, expected names of their package"


def is_submodule(name: list[str]) -> bool:
    return ROOT.joinpath(*name).with_suffix(".py").is_file()


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_nothing_is_pickled(path):
    tree = tree_of(path)
    assert {name.split(".")[0] for name in imports(tree)} & UNSAFE == set()
    assert UNSAFE_CALLS & (calls(tree) | set(imports(tree))) == set()
    assert not any(name.endswith((".to_pickle", ".read_pickle")) for name in calls(tree))


@pytest.mark.parametrize("path", WORKBENCH, ids=name_of)
def test_only_the_command_line_prints(path):
    if package_of(path) != "cli":
        assert "print" not in calls(tree_of(path))


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_every_file_says_what_it_is(path):
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree), f"{name_of(path)} opens without a docstring"


LIGHT = ["workbench", "workbench.types", "workbench.options", "workbench.runs", "workbench.scoring"]
if (ROOT / "workbench/cli/main.py").is_file():
    LIGHT.append("workbench.cli.main")


@pytest.mark.parametrize("module", LIGHT)
def test_importing_it_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", ["circuits", "scoring"])
def test_a_name_that_is_loaded_late_is_no_module_s(package):
    """Importing the module would put it where the name is looked for."""
    folder = ROOT / "workbench" / package
    modules = {path.stem for path in folder.iterdir()} - {"__init__"}
    assert not modules & set(importlib.import_module(f"workbench.{package}").__all__)


APPS = sources("apps")
READING = [path for path in APPS if path.is_relative_to(ROOT / "apps/reading")]
PAGES = [path for path in APPS if path.is_relative_to(ROOT / "apps/views")]
# What Streamlit takes for pages of its own, and then finds none of ours at the first visit.
TAKEN = ROOT / "apps/pages"


def apps_imports(path: Path) -> set[str]:
    """The modules of `apps` that a file imports: `apps.reading.runs` for one of its names."""
    return {name for name in imports(tree_of(path)) if name.split(".")[0] == "apps"}


@pytest.mark.parametrize("path", READING, ids=name_of)
def test_what_pages_read_knows_nothing_of_how_it_is_shown(path):
    roots = {name.split(".")[0] for name in imports(tree_of(path))}
    assert "streamlit" not in roots
    assert {name for name in apps_imports(path) if not name.startswith("apps.reading")} == set()


def test_no_folder_has_the_name_that_streamlit_takes_for_itself():
    assert PAGES
    assert not TAKEN.exists()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_do_not_import_other_pages(path):
    page = path.relative_to(ROOT / "apps/views").parts[0]
    from_pages = {name for name in apps_imports(path) if name.startswith("apps.views")}
    assert {name for name in from_pages if name.split(".")[2] != page} == set()


@pytest.mark.parametrize("path", sorted(set(APPS) - set(PAGES)), ids=name_of)
def test_nothing_but_a_page_imports_a_page(path):
    assert {name for name in apps_imports(path) if name.startswith("apps.views")} == set()
