"""What a model's files are, as hashes, without loading it.

folder, revision = find_model("math-tiny")
model_fingerprint(folder)["weights_sha256"]
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from workbench.config import file_digest
from workbench.models.adapter import adapter_base, tokenizer_of
from workbench.models.find import is_adapter, is_gguf
from workbench.models.hub import ADAPTER
from workbench.models.inputs import more_inputs

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def model_fingerprint(path: Path) -> dict[str, Any]:
    """Hashes of a model's weights, configuration, tokenizer and template.

    A GGUF file holds them all. An adapter's are its own and its base's.
    """
    digests = {"weights_sha256": weights_digest(path), **text_fingerprint(path)}
    if is_adapter(path):
        digests["base_weights_sha256"] = weights_digest(adapter_base(path)[0])
    return digests


def text_fingerprint(path: Path) -> dict[str, Any]:
    """The fingerprint without the weights; `workbench.models.inputs` has the rare files."""
    if is_gguf(path):
        return {}
    own = ADAPTER if is_adapter(path) else "config.json"
    texts = [path / own, *(tokenizer_of(path) / name for name in TOKENIZER)]
    digests = {f"{text.name}_sha256": file_digest(text) for text in texts if text.is_file()}
    if is_adapter(path):
        base, borrows = text_fingerprint(adapter_base(path)[0]), tokenizer_of(path) != path
        more = [key for key in base if _is_read(key) or (borrows and key not in digests)]
        digests |= {f"base_{key}": base[key] for key in more}
    return {**digests, **more_inputs(path)}


def _is_read(key: str) -> bool:
    """Whether an entry of a base tells of its network, and not of a tokenizer."""
    return key in ("config.json_sha256", "stop_ids", "unread_shards")


def weights_digest(path: Path) -> str:
    """sha256 over the names and bytes of all safetensors files, an adapter's after its base's.

    Of a GGUF file over its bytes alone: whoever has the file can tell.
    """
    if is_gguf(path):
        return file_digest(path)
    total = hashlib.sha256()
    if is_adapter(path):
        total.update(weights_digest(adapter_base(path)[0]).encode())
    for file in sorted(path.glob("*.safetensors")):
        total.update(file.name.encode())
        with file.open("rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def code_digest(folder: Path) -> str:
    """sha256 over the names and bytes of the Python files that come with a model."""
    total = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
