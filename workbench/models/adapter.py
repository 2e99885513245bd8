"""An adapter of PEFT: the base model it names, and the two merged into plain weights.

base, revision = adapter_base(adapter)
tokenizer_of(adapter)
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError, first_line
from workbench.models.find import find_model, is_adapter, path_of
from workbench.models.hub import ADAPTER

WEIGHTS = "adapter_model.safetensors"


def base_name(path: Path) -> str:
    """The base as the adapter names it, with its revision."""
    try:
        config = json.loads((path / ADAPTER).read_text(encoding="utf-8"))
        name, revision = config.get("base_model_name_or_path"), config.get("revision")
    except (ValueError, AttributeError, RecursionError) as err:
        raise InputError(
            f"{path / ADAPTER} is no JSON object", do="save the adapter again"
        ) from err
    if not name or not isinstance(name, str):
        raise InputError(
            f"{path / ADAPTER} names no base model",
            expected="base_model_name_or_path",
            do="write the base's folder or hub id there",
        )
    is_local = path_of(name).exists()
    return name if is_local or not revision else f"{name}@{revision}"


def adapter_base(path: Path) -> tuple[Path, str | None]:
    """Where the base of an adapter lies and, for a hub model, its resolved revision."""
    name = base_name(path)
    try:
        base, revision = find_model(name)
    except InputError as err:
        raise InputError(
            f"the base '{name}' of the adapter {path.name} cannot be found ({err})",
            expected="the model that it was trained on",
            do=f"mend base_model_name_or_path in {path / ADAPTER}",
        ) from err
    if is_adapter(base):
        raise InputError(
            f"the base '{name}' of the adapter {path.name} is an adapter itself",
            expected="a whole model",
            do="merge the first adapter and save the result with save_pretrained",
        )
    return base, revision


def tokenizer_of(path: Path) -> Path:
    """Where a model's tokenizer lies: an adapter without one of its own uses its base's."""
    if not is_adapter(path) or (path / "tokenizer_config.json").is_file():
        return path
    return adapter_base(path)[0]


def base_facts(path: Path) -> dict[str, Any]:
    """What a manifest says of an adapter beside the model's own facts; nothing of other models."""
    if not is_adapter(path):
        return {}
    return {"adapter": path.name, "base": base_name(path), "base_revision": adapter_base(path)[1]}


def check_adapter(name: str, path: Path) -> None:
    """InputError for an adapter that cannot be merged here, before its base is read."""
    if importlib.util.find_spec("peft") is None:
        raise InputError(
            f"the model '{name}' is an adapter, which needs peft, and that is not installed",
            expected="the extra 'train'",
            do="pip install 'circuit-workbench[train]'",
        )
    if not (path / WEIGHTS).is_file():
        raise InputError(
            f"the adapter '{name}' has no {WEIGHTS}",
            expected="safetensors (other formats can run code when loaded)",
            do="save it again with a current peft",
        )


def merged(name: str, path: Path, base: Any) -> Any:
    """The `base` network with the adapter's changes added to its weights."""
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(base, path).merge_and_unload()
    except (ValueError, RuntimeError, AttributeError, KeyError, TypeError) as err:
        raise InputError(
            f"the adapter '{name}' cannot be merged into its base ({first_line(err)})",
            expected="weights that fit the base and are added to its own, as LoRA's are",
            do=f"check {ADAPTER}, or save the merged model and load that",
        ) from err
