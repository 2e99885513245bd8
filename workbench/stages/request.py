"""What every stage is asked with, and what it answers: the model, the place, the outcome.

source = ModelSource("math-tiny")
outcome = run_heads(Place(Path("runs")), source, data=["generated"])
outcome.result, outcome.reused
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.data import fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.models import Model, batch_tokens, find_model, load_model, model_fingerprint
from workbench.runs import Outcome as Outcome
from workbench.runs import Place as Place
from workbench.runs import Run, read_manifest
from workbench.types import BadRow, Sample

BATCHES = "batches.json"
# What a loaded model says of itself, and which of it tells how rows become tokens.
FACTS = "model.json"
TOKEN_FACTS = ("tokenizer_sha256", "template", "template_sha256", "added_tokens")


class ModelSource:
    """A model by name, looked up once, and loaded once and only when a stage really needs it.

    `dtype`, `template` and `quantize` change numbers, so they belong to every run's fingerprint;
    `device` and `device_map` do not.
    """

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        dtype: str = "float32",
        template: str = "auto",
        device_map: str | None = None,
        quantize: str | None = None,
    ):
        self.name, self.device, self.dtype = name, device, dtype
        self.template, self.device_map, self.quantize = template, device_map, quantize
        self._model: Model | None = None
        self._found: tuple[Path, str | None] | None = None
        self._files: dict[str, str] = {}

    def load(self) -> Model:
        if self._model is None:
            # The commit that was looked up, not what a branch may point at by now.
            revision = self.find()[1]
            pinned = f"{self.name.partition('@')[0]}@{revision}" if revision else self.name
            self._model = load_model(
                pinned,
                device=self.device,
                dtype=self.dtype,
                template=self.template,
                device_map=self.device_map,
                quantize=self.quantize,
            )
        return self._model

    def find(self) -> tuple[Path, str | None]:
        """The model's folder and revision, the same for as long as this object lives."""
        self._found = self._found or find_model(self.name)
        return self._found

    def fingerprint(self) -> dict[str, Any]:
        self._files = self._files or model_fingerprint(self.find()[0])
        how = {"dtype": self.dtype, "template": self.template, "quantize": self.quantize}
        return {**self._files, **how}

    def manifest(self) -> dict[str, Any]:
        """The model's block of a manifest, without loading it."""
        weights = self.fingerprint()["weights_sha256"]
        return {"id": self.name, "revision": self.find()[1], "weights_sha256": weights}


def read_usable(
    data: Sequence[str], *, shape: str | None = None, left_out: Counter[str] | None = None
) -> list[Sample]:
    """All readable rows of `data`; InputError when there is none.

    The others are counted in `left_out`.
    """
    rows = list(read_samples(data, shape=shape))
    samples = [row for row in rows if isinstance(row, Sample)]
    if left_out is not None and len(samples) < len(rows):
        left_out["malformed"] += len(rows) - len(samples)
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
    """What is only known after loading: device, self-check, hashes; and what did not fit."""
    halved = model.memory.halvings
    return {**model.facts, **({"out_of_memory": halved} if halved else {})}


def keep_facts(run: Run, model: Model) -> None:
    """`model.json`, and in the manifest how rows became tokens."""
    keep_tokens(run, model.facts)
    run.write_json(FACTS, loaded_facts(model))


def keep_tokens(run: Run, facts: Mapping[str, Any]) -> None:
    """In the manifest: hashes of tokenizer and template, and what is put around every text."""
    run.record(tokens={key: facts[key] for key in TOKEN_FACTS if key in facts})


def check_same_template(folder: Path, model: Model) -> None:
    """Raise InputError where the run in `folder` rendered rows of this model another way.

    Runs of another model, and files without a run around them, are let pass.
    """
    path = folder / FACTS
    if not path.is_file() or not (folder / "manifest.json").is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    block = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["model"] or {}
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


def budget_of(run: Run, model: Model, asked: int | None) -> int:
    """Tokens in a batch: as asked, or by the memory that was free when the run was begun.

    Kept in the run, so that a resumed run cuts the same batches and gives the same bytes.
    """
    if asked is not None:
        return asked
    kept = run.path / BATCHES
    if not kept.is_file():
        run.write_json(BATCHES, {"batch_tokens": batch_tokens(model)})
    chosen = int(json.loads(kept.read_text(encoding="utf-8"))["batch_tokens"])
    run.record(batch_tokens=chosen)
    return chosen


def fitted(run: Run, model: Model, text: str) -> str:
    """A line of progress that says so where batches were halved; the manifest then has them all."""
    halved = model.memory.halvings
    if not halved:
        return text
    if read_manifest(run.path)["details"].get("out_of_memory") != halved:
        run.record(out_of_memory=halved)
    return f"{text} (out of memory, halved to {halved[-1]['most']} {halved[-1]['kind']})"
