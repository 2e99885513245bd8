"""What every stage is asked with, and what it answers: the model, the place, the outcome.

source = ModelSource("math-tiny")
outcome = run_heads(Place(Path("runs")), source, data=["generated"])
outcome.result, outcome.reused
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data import fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.models import Model, find_model, load_model, model_fingerprint
from workbench.types import BadRow, Progress, Sample, no_progress


class ModelSource:
    """A model by name that is loaded once, and only when a stage really needs it."""

    def __init__(self, name: str, *, device: str = "auto", dtype: str = "float32"):
        self.name, self.device, self.dtype = name, device, dtype
        self._model: Model | None = None

    def load(self) -> Model:
        if self._model is None:
            self._model = load_model(self.name, device=self.device, dtype=self.dtype)
        return self._model

    def fingerprint(self) -> dict[str, str]:
        folder, _ = find_model(self.name)
        return {**model_fingerprint(folder), "dtype": self.dtype}

    def manifest(self) -> dict[str, Any]:
        """The model's block of a manifest, without loading it."""
        _, revision = find_model(self.name)
        weights = self.fingerprint()["weights_sha256"]
        return {"id": self.name, "revision": revision, "weights_sha256": weights}


@dataclass(frozen=True)
class Place:
    """Where runs go and who hears of progress."""

    runs: Path
    on_progress: Progress = no_progress


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, its result file, and whether a finished run answered."""

    run: Path
    result: Path
    reused: bool
    summary: Mapping[str, Any] = field(default_factory=dict)


def read_usable(data: Sequence[str], *, shape: str | None = None) -> list[Sample]:
    """All readable rows of `data`; InputError when there is none."""
    rows = list(read_samples(data, shape=shape))
    samples = [row for row in rows if isinstance(row, Sample)]
    if not samples:
        first = next(row.reason for row in rows if isinstance(row, BadRow))
        raise unreadable(data, n_rows=len(rows), first=first)
    return samples


def unreadable(data: Sequence[str], *, n_rows: int, first: str) -> InputError:
    """What to say of data without a single row that can be read; `first` is the first reason."""
    return InputError(
        f"none of the {n_rows} rows of {', '.join(data)} can be read (first: {first})",
        expected="rows in a shape the workbench knows",
        do="compare them with the row shapes in the README",
    )


def data_inputs(data: Sequence[str]) -> dict[str, Any]:
    return {"data": fingerprint_sources(data)}


def loaded_facts(model: Model) -> dict[str, Any]:
    """What is only known after loading: device, self-check, hashes."""
    return dict(model.facts)
