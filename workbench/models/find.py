"""Where a model lies, and what its files are, without loading it.

folder, revision = find_model("math-tiny")
model_fingerprint(folder)["weights_sha256"]
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from workbench.bundled import MODELS, bundled_dir
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.models.hub import from_hub
from workbench.models.inputs import more_inputs


def find_model(name: str) -> tuple[Path, str | None]:
    """The local folder of a model and, for a hub model, its resolved revision."""
    if name in MODELS:
        return bundled_dir("data") / MODELS[name], None
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder, None
    if folder.is_dir():
        raise InputError(
            f"the folder {name} has no config.json",
            expected="a folder written by save_pretrained",
            do="point --model at the folder that holds config.json and *.safetensors",
        )
    hub_id, _, revision = name.partition("@")
    if hub_id.count("/") != 1 or hub_id.startswith((".", "/", "~")):
        raise InputError(
            f"no model named '{name}'",
            expected=f"a bundled name ({', '.join(MODELS)}), a folder or a hub id like org/name",
            do="check the spelling or the path",
        )
    return from_hub(hub_id, revision or None)


def model_fingerprint(folder: Path) -> dict[str, Any]:
    """Hashes of a model's weights, configuration, tokenizer and template, without loading it."""
    return {"weights_sha256": weights_digest(folder), **text_fingerprint(folder)}


def text_fingerprint(folder: Path) -> dict[str, Any]:
    """The fingerprint without the weights; `workbench.models.inputs` has the rare files."""
    texts = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    there = {name: folder / name for name in texts if (folder / name).is_file()}
    return {
        **{f"{name}_sha256": file_digest(path) for name, path in there.items()},
        **more_inputs(folder),
    }


def weights_digest(folder: Path) -> str:
    """sha256 over the names and bytes of all safetensors files."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        total.update(path.name.encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
