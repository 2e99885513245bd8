"""Where a model lies, without loading it; a name that means something else is told what it is.

    path, revision = find_model("math-tiny")
    is_gguf(path), is_adapter(path)

The path says what a model is: a folder of safetensors, the folder of an adapter, which has an
`adapter_config.json` beside its few weights, or a GGUF file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from workbench.catalog import catalog, named_folder
from workbench.errors import InputError
from workbench.models.hub import ADAPTER, from_hub

GGUF = ".gguf"
WEIGHT_FILES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
# Names that the hub once knew without an owner.
OWNED = {
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}
NAMES = tuple(entry.name for entry in catalog())
WHAT = f"a bundled name ({', '.join(NAMES)}), a folder, a GGUF file or a hub id like org/name"


def find_model(name: str, *, code: bool = False) -> tuple[Path, str | None]:
    """The folder or GGUF file of a model and, for a hub model, its resolved revision.

    With `code` the Python files of a hub repository are fetched as well.
    """
    if name in NAMES:
        return _named(name), None
    if re.match(r"https?://", name):
        _refuse_url(name)
    path = path_of(name)
    if name.endswith(GGUF):
        return _gguf_file(name), None
    if (path / "config.json").is_file() or is_adapter(path):
        return path, None
    if path.is_dir():
        _refuse_folder(name, path)
    if path.suffix in WEIGHT_FILES:
        raise InputError(
            f"'{name}' is a weight file", expected="the folder it lies in", do=f"pass {path.parent}"
        )
    hub_id, _, revision = name.partition("@")
    if hub_id.count("/") != 1 or hub_id.startswith((".", "/", "~")):
        owned = OWNED.get(hub_id)
        raise InputError(
            f"no model named '{name}'",
            expected=WHAT,
            do=f"pass {owned}" if owned else "check the spelling or the path",
        )
    return from_hub(hub_id, revision or None, code=code)


def path_of(name: str) -> Path:
    """The name as a path; InputError where it can be none: too long, of a user who is not there."""
    try:
        path = Path(name).expanduser()
        path.is_dir()
    except (OSError, RuntimeError) as err:
        raise InputError(
            f"'{name[:200]}' is no path of a model ({getattr(err, 'strerror', None) or err})",
            expected=WHAT,
            do="check the spelling or the path",
        ) from err
    return path


def _named(name: str) -> Path:
    """A model of the catalog; one that is fetched must have been."""
    folder = named_folder(name)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"the model '{name}' has not been fetched yet",
            expected=f"it in {folder}",
            do=f"run workbench models get {name}",
        )
    return folder


def is_gguf(path: Path) -> bool:
    """Whether the path of a model is a GGUF file."""
    return path.suffix == GGUF


def transformers_source(path: Path) -> tuple[Path, dict[str, str]]:
    """Where `from_pretrained` reads a model, and the option that a GGUF file needs beside it."""
    return (path.parent, {"gguf_file": path.name}) if is_gguf(path) else (path, {})


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter and no whole model: some keep the base's config.json."""
    whole = [*path.glob("model*.safetensors"), *path.glob("pytorch_model*.bin")]
    return (path / ADAPTER).is_file() and not whole


def _gguf_file(name: str) -> Path:
    """The file that `folder/file.gguf` or `folder:file.gguf` means."""
    folder, _, file = name.rpartition(":")
    paths = [Path(name).expanduser(), *([Path(folder).expanduser() / file] if folder else [])]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise InputError(
            f"no GGUF file '{name}'",
            expected="a path, or folder:file.gguf",
            do="check the path; a file on the hub is fetched by `hf download org/name file.gguf`",
        )
    return found


def _refuse_url(name: str) -> NoReturn:
    """The address of a page of the hub names the model; other addresses name none."""
    on_hub = re.match(r"https?://(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)", name)
    raise InputError(
        f"the model is given as an address, '{name}'",
        expected=WHAT,
        do=f"pass {on_hub[1]}" if on_hub else "download it and pass its folder",
    )


def _refuse_folder(name: str, folder: Path) -> NoReturn:
    """A folder that is no model, but may hold some."""
    inside = [path.parent for path in folder.glob("*/config.json")]
    inside += [path.parent for path in folder.glob(f"*/{ADAPTER}")]
    files = sorted(folder.glob(f"*{GGUF}"))
    if files:
        raise InputError(
            f"the folder {name} holds GGUF files and no config.json",
            expected=f"one of {', '.join(path.name for path in files)}",
            do=f"pass {folder}:{files[0].name}",
        )
    if inside:
        ordered = sorted(set(inside), key=_step)
        raise InputError(
            f"the folder {name} holds {len(ordered)} models and is none itself",
            expected=f"one of {', '.join(path.name for path in ordered)}",
            do=f"pass {ordered[-1]}",
        )
    raise InputError(
        f"the folder {name} has no config.json",
        expected="a folder written by save_pretrained",
        do="point --model at the folder that holds config.json and *.safetensors",
    )


def _step(path: Path) -> tuple[int, str]:
    """The training step in `checkpoint-500`, so that the last one comes last."""
    number = re.search(r"(\d+)$", path.name)
    return int(number[1]) if number else -1, path.name
