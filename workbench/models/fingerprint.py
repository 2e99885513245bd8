"""What a model's files are, as hashes, without loading it.

folder, revision = find_model("math-tiny")
model_fingerprint(folder)["weights_sha256"]
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from workbench.config import file_digest
from workbench.models.adapter import adapter_base, tokenizer_of
from workbench.models.find import is_adapter, is_gguf

OF_BASE = ("weights_sha256", "config.json_sha256")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def model_fingerprint(path: Path) -> dict[str, str]:
    """Hashes of a model's weights, configuration, tokenizer and template.

    A GGUF file holds them all. An adapter's are its own and its base's.
    """
    if is_gguf(path):
        return {"weights_sha256": weights_digest(path)}
    digests = {"weights_sha256": weights_digest(path)}
    texts = [path / "config.json", *(tokenizer_of(path) / name for name in TOKENIZER)]
    if is_adapter(path):
        files = model_fingerprint(adapter_base(path)[0])
        digests |= {f"base_{key}": files[key] for key in OF_BASE if key in files}
        texts[0] = path / "adapter_config.json"
    return digests | {f"{text.name}_sha256": file_digest(text) for text in texts if text.is_file()}


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
