"""A tuned model as a Hugging Face folder that the workbench and `transformers` load.

with model_folder(Path("tuned")) as folder:
    save_model(network, tokenizer, folder)
    (folder / "README.md").write_text("A card.")
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.runs.files import writing


@contextmanager
def model_folder(path: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `path` when the block ends well, all on disk."""
    building = path.with_name(f".{path.name}")
    shutil.rmtree(building, ignore_errors=True)
    with writing(path):
        building.mkdir(parents=True)
        try:
            yield building
            for file in building.rglob("*"):
                if file.is_file():
                    _sync(file)
            shutil.rmtree(path, ignore_errors=True)
            building.rename(path)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Weights as safetensors, configuration, tokenizer and chat template."""
    # A bar of its own on stderr, for what takes seconds.
    with contextlib.redirect_stderr(io.StringIO()):
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
