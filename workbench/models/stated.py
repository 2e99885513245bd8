"""What a foreign `config.json` says, checked before any library acts on it.

    folder, revision = find_model("math-tiny")
    stated_configuration("math-tiny", folder)["num_hidden_layers"]

A number of layers is a loop for whoever builds them, and the name of an attention can be the name
of a repository whose compiled code `transformers` would fetch and run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import InputError, ModelRefusedError, first_line

CONFIG, INDEX = "config.json", "model.safetensors.index.json"
MOST = {"layer": 1000, "block": 1000, "expert": 4096}
"""Part of a setting's name to the most that it may be; real models have a tenth of it."""
LEAST = {"num_hidden_layers", "num_layers", "n_layers", "n_layer"}
LEAST |= {"max_position_embeddings", "n_positions", "n_ctx"}
"""Settings that are 1 at least."""
CODE = ("attn_implementation", "experts_implementation")


def stated_configuration(name: str, folder: Path) -> dict[str, Any]:
    """The object in config.json; InputError or ModelRefusedError where it cannot be followed."""
    stated = _object(name, folder / CONFIG)
    check_settings(name, stated)
    _check_index(name, folder)
    return stated


def check_settings(name: str, stated: Mapping[Any, Any]) -> None:
    """ModelRefusedError for a setting, also of a part of the model, that cannot be followed."""
    for key, value in _settings(stated):
        _check_setting(name, key, value)


def shard_names(name: str, folder: Path) -> set[str]:
    """The files that an index of weights names, all of them in the model's own folder."""
    placed = _object(name, folder / INDEX).get("weight_map")
    files = list(placed.values()) if isinstance(placed, dict) else [None]
    odd = [file for file in files if not isinstance(file, str) or Path(file).name != file]
    if odd or not files:
        raise InputError(
            f"the index of the weights of model '{name}' names the file {(odd or [None])[0]!r}",
            expected="names of files beside it",
            do="save or download the model again",
        )
    return {file for file in files if isinstance(file, str)}


def _check_index(name: str, folder: Path) -> None:
    if (folder / INDEX).is_file() and not (folder / "model.safetensors").is_file():
        shard_names(name, folder)


def _object(name: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise InputError(
            f"{path.name} of model '{name}' cannot be read ({first_line(err)})",
            expected="JSON",
            do="save or download the model again",
        ) from err
    if not isinstance(content, dict):
        raise InputError(
            f"{path.name} of model '{name}' holds no JSON object",
            do="save or download the model again",
        )
    return content


def _settings(stated: Mapping[Any, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every setting, also of the parts of a model that has several."""
    for key, value in stated.items():
        # Some have numbers as keys: labels of classes.
        yield str(key), value
        if isinstance(value, dict) and depth < 8:
            yield from _settings(value, depth + 1)


def _check_setting(name: str, key: str, value: Any) -> None:
    if key.endswith(CODE) and "/" in json.dumps(value):
        raise ModelRefusedError(
            f"the configuration of model '{name}' asks for code of the hub ({key}: {value!r})",
            expected="an architecture that transformers computes by itself",
            do=f"take {key} out of config.json",
        )
    if key in LEAST and isinstance(value, int) and value < 1:
        raise ModelRefusedError(
            f"the configuration of model '{name}' has {value} as {key}",
            expected="1 at least",
            do="save or download the model again",
        )
    most = next((most for part, most in MOST.items() if part in key.lower()), None)
    if most is not None and isinstance(value, int) and value > most and _counts(key):
        raise ModelRefusedError(
            f"the configuration of model '{name}' has {value} as {key}",
            expected=f"at most {most}",
            do="save or download the model again",
        )


def _counts(key: str) -> bool:
    """Whether the setting is a number of things: `n_layer`, `num_local_experts`, `block_count`."""
    words = set(key.lower().split("_"))
    return bool(words & {"n", "num", "count", "layers", "blocks", "experts"})
