"""What a run keeps of the model it was made with: `model.json`, and how rows became tokens.

with open_run(Path("runs"), RunSpec("probe-random", {}, {})) as run:
    keep_facts(run, engine)
check_same_template(heads_path.parent, model)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from workbench.errors import InputError
from workbench.runs.manifest import MANIFEST
from workbench.runs.run import Run
from workbench.types import ModelInfo

FACTS = "model.json"
# Which of a model's facts tell how rows become tokens.
TOKEN_FACTS = (
    "tokenizer_sha256",
    "template",
    "template_sha256",
    "template_date",
    "think_blocks",
    "added_tokens",
)


@runtime_checkable
class Halvings(Protocol):
    """Which batches did not fit and were halved, one record each."""

    @property
    def halvings(self) -> Sequence[Mapping[str, Any]]: ...


@runtime_checkable
class Loaded(Protocol):
    """What a run needs of a loaded model or engine: its facts, and what did not fit."""

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def memory(self) -> Halvings: ...


@runtime_checkable
class Identified(Protocol):
    """A loaded model that says which weights it has."""

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def info(self) -> ModelInfo: ...


def keep_facts(run: Run, model: Loaded) -> None:
    """`model.json` (device, self-check, hashes, halved batches), and the tokens' block."""
    keep_tokens(run, model.facts)
    halved = [dict(halving) for halving in model.memory.halvings]
    run.write_json(FACTS, {**model.facts, **({"out_of_memory": halved} if halved else {})})


def keep_tokens(run: Run, facts: Mapping[str, Any]) -> None:
    """In the manifest: hashes of tokenizer and template, and what is put around every text."""
    run.record(tokens={key: facts[key] for key in TOKEN_FACTS if key in facts})


def without_place(block: Mapping[str, Any] | None) -> dict[str, Any]:
    """The model's block of a manifest; a model from a folder goes by the folder's name."""
    if block is None:
        return {}
    return {**block, "id": block["id"] if block["revision"] else Path(block["id"]).name}


def check_same_template(folder: Path, model: Identified) -> None:
    """Raise InputError where the run in `folder` rendered rows of this model another way.

    Runs of another model, and files without a run around them, are let pass.
    """
    if not (folder / FACTS).is_file() or not (folder / MANIFEST).is_file():
        return
    before = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    block = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["model"] or {}
    said = [facts.get("template_sha256") for facts in (before, model.facts)]
    if block.get("weights_sha256") != model.info.weights_sha256 or None in said:
        return
    if said[0] != said[1]:
        raise InputError(
            f"the rows of '{folder.name}' were rendered with template '{before['template']}' and "
            f"these are with '{model.facts['template']}'",
            expected="one template for the probe, the heads and the scores",
            do=f"pass --template {before['template']}, or begin with a probe by this one",
        )
