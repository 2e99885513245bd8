"""Where a model lies, and what its files are, without loading it.

folder, revision = find_model("Qwen/Qwen2.5-Math-1.5B-Instruct@main")
model_fingerprint(folder)["weights_sha256"]
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from workbench.bundled import MODELS, bundled_dir
from workbench.config import file_digest
from workbench.errors import InputError


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
    return _from_hub(hub_id, revision or None)


def model_fingerprint(folder: Path) -> dict[str, str]:
    """Hashes of a model's weights, configuration, tokenizer and template, without loading it."""
    texts = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    there = {name: folder / name for name in texts if (folder / name).is_file()}
    return {
        "weights_sha256": weights_digest(folder),
        **{f"{name}_sha256": file_digest(path) for name, path in there.items()},
    }


def _from_hub(hub_id: str, revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except LocalEntryNotFoundError as err:
        raise InputError(
            f"the model '{hub_id}' is neither in the local cache nor can the hub be reached",
            do="connect to the internet, or pass a local folder",
        ) from err
    except (HfHubHTTPError, OSError, ValueError) as err:
        raise InputError(
            f"the hub does not give out the model '{hub_id}'"
            + (f" at revision '{revision}'" if revision else ""),
            expected="a public model, or one your HF_TOKEN may read",
            do=f"check the name ({type(err).__name__})",
        ) from err
    return folder, folder.name


def weights_digest(folder: Path) -> str:
    """sha256 over the names and bytes of all safetensors files."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        total.update(path.name.encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
