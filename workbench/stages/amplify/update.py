"""The targeted update as a run: a model folder in which some rows differ, then `update.json`.

outcome = run_update(place, source, mask.result, UpdateOptions(lrs=(1e-4, 1e-3)))
outcome.run / "model"
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.amplification import (
    BATCH_TOKENS,
    CHECKPOINT,
    VALIDATE,
    Components,
    History,
    LoraMasters,
    ModelShape,
    Problem,
    RowMasters,
    Rows,
    UpdateOptions,
    adapted_names,
    answers_of,
    copy_checkpoint,
    every_component,
    model_card,
    network_shape,
    parse_where,
    random_components,
    read_examples,
    read_layout,
    read_mask,
    run_steps,
    stored_names,
    stored_weights,
    write_rows,
)
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.models import Model
from workbench.runs import Run, RunSpec, open_run
from workbench.stages.amplify.chain import (
    LOCALIZED,
    PIVOTS,
    base_facts,
    check_model_of,
    checkable,
    data_of,
    network_of,
    parent_of,
    read_parent,
    require_peft,
    task_rows,
    telling,
)
from workbench.stages.request import ModelSource, Outcome, Place, data_inputs, keep_tokens
from workbench.tuning import TuneOptions, model_folder, with_lora

RESULT, MODEL = "update.json", "model"
Changes = dict[str, tuple[Rows | None, Tensor]]


def run_update(
    place: Place,
    source: ModelSource,
    mask_path: Path,
    options: UpdateOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Update the kept components of a mask run, or one of its controls (`options.variant`).

    `batch_tokens` cached tokens are held at once while decoding: memory, not results.
    """
    if options.variant == "lora":
        require_peft()
    pivots_path = parent_of(mask_path, PIVOTS)
    localized = read_parent(pivots_path.with_name(LOCALIZED))
    check_model_of(localized, source)
    data = data_of(mask_path)
    spec = RunSpec(
        f"amplify-update-{options.variant}",
        config=_config(options),
        inputs={
            **data_inputs(data),
            "mask": file_digest(mask_path),
            "pivots": file_digest(pivots_path),
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=(mask_path.parent.name, pivots_path.parent.name),
        model=source.manifest(),
        details={"data": data},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            _update(run, place, source, mask_path, options, batch_tokens=batch_tokens)
            (run.path / CHECKPOINT).unlink(missing_ok=True)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _config(options: UpdateOptions) -> dict[str, Any]:
    """The options that matter to the variant."""
    config = dataclasses.asdict(options)
    unread = ("lrs",) if options.variant == "lora" else ("lora_rank", "lora_alpha", "lora_lrs")
    return {name: value for name, value in config.items() if name not in unread}


@dataclasses.dataclass(frozen=True)
class Target:
    """What a variant may change: components (none for LoRA), and how its weights are called."""

    components: Components | None
    trainable: RowMasters | LoraMasters
    stored: Mapping[str, str]
    n_values: int

    def changes(self, state: Mapping[str, Tensor]) -> Changes:
        """What to write for a state of the masters, by the names in the files."""
        rows = self.trainable.rows if isinstance(self.trainable, RowMasters) else {}
        return {self.stored[name]: (rows.get(name), values) for name, values in state.items()}


def _update(
    run: Run,
    place: Place,
    source: ModelSource,
    mask_path: Path,
    options: UpdateOptions,
    *,
    batch_tokens: int,
) -> None:
    kept, shape = read_mask(mask_path)
    pivots_path = parent_of(mask_path, PIVOTS)
    localized = read_parent(pivots_path.with_name(LOCALIZED))
    examples = read_examples(pivots_path)
    model, folder = network_of(source), source.find()[0]
    keep_tokens(run, model.facts)
    problems = _validation(model, mask_path, localized, options)
    n_all = sum(p.numel() for p in model.hooked.original_model.parameters())
    target = _target(model, folder, kept, shape, options)
    longest = int(localized["max_new_tokens"])

    def accuracy() -> float:
        right = answers_of(model, problems, max_new_tokens=longest, batch_tokens=batch_tokens)[1]
        return sum(right) / len(right)

    history = run_steps(
        model,
        target.trainable,
        examples,
        options,
        accuracy=accuracy,
        checkpoint=run.path / CHECKPOINT,
        on_progress=telling(run, place),
    )
    summary = {
        "schema": 1,
        "model": source.manifest(),
        "base": base_facts(source),
        "options": _config(options),
        "variant": options.variant,
        "seed": options.seed,
        "mask": mask_path.parent.name,
        "n_examples": len(examples),
        **_changed(target, shape, n_all),
        **_history(history, problems, localized),
    }
    with model_folder(run.path / MODEL) as written:
        copy_checkpoint(folder, written)
        if history.state is not None:
            write_rows(written, target.changes(history.state))
        (written / "README.md").write_text(model_card(summary), encoding="utf-8")
        files = {path.name: file_digest(path) for path in sorted(written.iterdir())}
    summary["written"] = {"folder": MODEL, "files": files}
    run.finish_json(RESULT, summary, counts={"ok": len(examples)})


def _validation(
    model: Model, mask_path: Path, localized: Mapping[str, Any], options: UpdateOptions
) -> list[Problem]:
    where = parse_where(localized["where"]) if localized["where"] else None
    rows = task_rows(
        data_of(mask_path), VALIDATE, n=options.validation_n, seed=options.seed, where=where
    )
    return checkable(model, rows, label=localized["label"])


def _target(
    model: Model, folder: Path, kept: Components, shape: ModelShape, options: UpdateOptions
) -> Target:
    """The masters of the variant, over the network's own weights."""
    network = model.hooked.original_model
    if options.variant == "lora":
        how = TuneOptions(
            lora=True,
            lora_rank=options.lora_rank,
            lora_alpha=options.lora_alpha,
            seed=options.seed,
        )
        # Adapters go into the network itself, so every pass through it reads them.
        adapted = with_lora(network, how)
        stored, dtypes = _stored(folder, adapted_names(adapted))
        masters = LoraMasters(adapted, dtypes)
        return Target(None, masters, stored, sum(w.numel() for w in masters.first.values()))
    if network_shape(network) != shape:
        raise InputError(
            f"the mask is for a model of {shape}", expected=f"one of {network_shape(network)}"
        )
    chosen = _chosen(kept, shape, options)
    rows = read_layout(network, shape).rows(chosen)
    stored, dtypes = _stored(folder, sorted(rows))
    masters = RowMasters(network, rows, dtypes)
    return Target(chosen, masters, stored, sum(m.numel() for m in masters.masters.values()))


def _stored(folder: Path, names: list[str]) -> tuple[dict[str, str], dict[str, torch.dtype]]:
    """Each weight's name in the files, and the dtype it is stored in."""
    stored, there = stored_names(folder, names), stored_weights(folder)
    return stored, {name: there[own].dtype for name, own in stored.items()}


def _chosen(kept: Components, shape: ModelShape, options: UpdateOptions) -> Components:
    if options.variant == "no-mask":
        return every_component(shape)
    if not len(kept):
        raise InputError(
            "the mask keeps no component",
            expected="at least one",
            do="learn it with a smaller --l1",
        )
    if options.variant == "random":
        return random_components(kept, shape, seed=options.seed)
    return kept


def _changed(target: Target, shape: ModelShape, n_all: int) -> dict[str, Any]:
    """How much of the model the variant may change; LoRA reaches every component."""
    n_components = shape.n_components if target.components is None else len(target.components)
    return {
        "components": target.components.to_json() if target.components else None,
        "n_components": n_components,
        "share_components": n_components / shape.n_components,
        "n_values": target.n_values,
        "share_values": target.n_values / n_all,
    }


def _history(
    history: History, problems: Sequence[Problem], localized: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "history": [dataclasses.asdict(point) for point in history.points],
        "best": dataclasses.asdict(history.best),
        "validation": {
            "n": len(problems),
            "where": localized["where"],
            "before": history.points[0].accuracy,
            "after": history.best.accuracy,
        },
    }
