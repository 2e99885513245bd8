"""What an amplification did, as a run: `report.json`, and `report.html` to pass on.

    outcome = run_report(place, source, [update.result], options)

The controls (the same update without mask, on a random mask, by LoRA) are runs of their own, made
here where they are missing. Each model is measured once, so an interrupted report goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from workbench.amplification import (
    BATCH_TOKENS,
    UpdateOptions,
    Where,
    amplification_report,
    read_mask,
    read_mask_file,
)
from workbench.config import file_digest
from workbench.data import atomic_file, fingerprint_sources
from workbench.errors import InputError
from workbench.models import ModelSource
from workbench.options import RECOGNISED, ReadOptions
from workbench.reports import amplification_page
from workbench.runs import (
    Finding,
    Outcome,
    Place,
    RunSpec,
    Task,
    answer,
    keep_tokens,
    without_place,
)
from workbench.stages.amplify.chain import (
    LOCALIZED,
    MASK,
    PIVOTS,
    TaskData,
    check_model_of,
    data_details,
    data_of,
    network_of,
    parent_of,
    read_parent,
    require_peft,
    where_of,
)
from workbench.stages.amplify.cost import Plan, decoding_cost, memory_cost
from workbench.stages.amplify.measure import HeldOut, ReportOptions, measure, read_held_out
from workbench.stages.amplify.update import MODEL, plan_update, run_update

RESULT, PAGE = "report.json", "report.html"
Measured = dict[str, Any]
Variants = dict[str, list[Path]]


def run_report(
    place: Place,
    source: ModelSource,
    updates: Sequence[Path],
    options: ReportOptions,
    *,
    data: Sequence[str] = (),
    control: str = "text",
    control_how: ReadOptions = RECOGNISED,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Measure masked updates, one a seed, against the model before and against their controls.

    `data` is by default that of the updates, read as there; only rows of the part 'test' are used.
    `batch_tokens` cached tokens are held at once while decoding: memory, not results.
    """
    found = _read_updates(updates, options, source)
    task_data, texts = _task_data(updates, data, how), TaskData((control,), control_how)
    spec = RunSpec(
        "amplify-report",
        config={
            **dataclasses.asdict(options),
            **task_data.how.asked,
            **control_how.asked,
            "control": control,
        },
        inputs={
            "data": fingerprint_sources(task_data.names),
            "control": fingerprint_sources([control]),
            "updates": [file_digest(path) for path in updates],
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=tuple(path.parent.name for path in updates),
        model=source.manifest(),
        details=data_details(task_data),
    )

    def work(task: Task) -> Finding:
        variants = _variants(task, source, updates, found, options, batch_tokens=batch_tokens)
        localized = _localized(updates)
        test = read_held_out(source, options, localized, task_data, texts)
        for name, reading in test.readings.items():
            task.has_read(reading, name=name)
        keep_tokens(task.run, test.tokens)
        base, models = _measured(task, source, variants, test, options, batch_tokens=batch_tokens)
        facts = {
            "model": without_place(source.manifest()),
            "data": list(task_data.names),
            "control": control,
            "where": localized["where"],
            "label": localized["label"],
            "options": dataclasses.asdict(options),
            "update": found[0]["options"],
            "problems": _problems(test, where_of(localized)),
            **_masks(updates),
        }
        report = amplification_report(base, models, facts)
        with atomic_file(task.run.path / PAGE) as file:
            file.write(amplification_page(report).encode())
        return Finding(report, counts={"ok": len(test.problems)})

    return answer(place, spec, work)


def plan_report(
    source: ModelSource,
    updates: Sequence[Path],
    options: ReportOptions,
    *,
    data: Sequence[str] = (),
    control: str = "text",
    control_how: ReadOptions = RECOGNISED,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """Controls as if none were there yet, and the held-out problems decoded by every model."""
    found = _read_updates(updates, options, source)
    task_data, texts = _task_data(updates, data, how), TaskData((control,), control_how)
    held_out = read_held_out(source, options, _localized(updates), task_data, texts)
    network = network_of(source)
    n_models = 1 + len(updates) * (1 + len(options.controls))
    passes, seconds = decoding_cost(
        network, held_out.problems, held_out.max_new_tokens, batch_tokens
    )
    passes, seconds = n_models * passes, n_models * seconds
    parts = {"answers": round(seconds, 1), "controls": 0.0}
    for name in options.controls:
        for path, update in zip(updates, found, strict=True):
            mask, asked = _mask_of(path, update), _control_options(update, name, options)
            plan = plan_update(source, mask, asked, batch_tokens=batch_tokens)
            passes += plan["forward_passes"]
            parts["controls"] = round(parts["controls"] + plan["estimated_seconds"], 1)
    return {
        "samples": len(held_out.problems),
        "models": n_models,
        "forward_passes": passes,
        "estimated_seconds": round(sum(parts.values()), 1),
        "seconds_by_part": parts,
        **held_out.readings,
        **memory_cost(network, batch_tokens),
    }


def _task_data(updates: Sequence[Path], data: Sequence[str], how: ReadOptions) -> TaskData:
    """The data given, or that of the updates."""
    if data:
        return TaskData(tuple(data), how)
    if how.asked:
        raise InputError(
            f"{', '.join(how.asked)} is given without data",
            expected="columns of the data that --data names",
            do="leave it out: the data of the updates is read as it was there",
        )
    return data_of(updates[0])


def _read_updates(
    updates: Sequence[Path], options: ReportOptions, source: ModelSource
) -> list[dict[str, Any]]:
    """The masked updates; InputError where there is none, or its controls cannot be made."""
    if not updates:
        raise InputError("no update is named", expected="one or more, one a seed")
    if "lora" in options.controls:
        require_peft()
    return [_read_update(path, source) for path in updates]


def _read_update(path: Path, source: ModelSource) -> dict[str, Any]:
    """A masked update of this model; InputError for any other."""
    update = read_parent(path)
    if update.get("variant") != "mask":
        raise InputError(
            f"'{path}' is an update of the variant '{update.get('variant')}'",
            expected="masked updates; their controls are made by the report",
        )
    check_model_of(update, source)
    return update


def _localized(updates: Sequence[Path]) -> dict[str, Any]:
    """What localising said, of which the updates are the end."""
    return read_parent(parent_of(updates[0], PIVOTS).with_name(LOCALIZED))


def _mask_of(path: Path, update: Mapping[str, Any]) -> Path:
    return path.parent.parent / update["mask"] / MASK


def _variants(
    task: Task,
    source: ModelSource,
    updates: Sequence[Path],
    found: Sequence[Mapping[str, Any]],
    options: ReportOptions,
    *,
    batch_tokens: int,
) -> Variants:
    """`update.json` of every variant and seed; the controls with the options of their update."""
    variants: Variants = {"mask": list(updates)}
    inner = Place(task.place.runs, task.progress())
    for name in options.controls:
        for path, update in zip(updates, found, strict=True):
            mask, asked = _mask_of(path, update), _control_options(update, name, options)
            done = run_update(inner, source, mask, asked, batch_tokens=batch_tokens)
            variants.setdefault(name, []).append(done.result)
    return variants


def _control_options(
    update: Mapping[str, Any], variant: str, options: ReportOptions
) -> UpdateOptions:
    """Those of a masked update, for one of its controls."""
    known = {field.name for field in dataclasses.fields(UpdateOptions)}
    given = {name: value for name, value in update["options"].items() if name in known}
    given = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    return UpdateOptions(**{**given, "variant": variant, "lora_lrs": options.lora_lrs})


def _measured(
    task: Task,
    source: ModelSource,
    variants: Variants,
    test: HeldOut,
    options: ReportOptions,
    *,
    batch_tokens: int,
) -> tuple[Measured, dict[str, list[Measured]]]:
    """The model before, and every variant's; one that no step improved is the model before."""
    updates = {path: read_parent(path) for paths in variants.values() for path in paths}
    names = {"base": source.pinned} | {
        f"{name}-{number}": str(path.parent / MODEL)
        for name, paths in variants.items()
        for number, path in enumerate(paths)
        if updates[path]["best"]["step"]
    }
    found, tell = {}, task.progress()
    for key, name in names.items():
        found[key] = task.once(
            f"measured-{key}.json",
            lambda name=name: measure(name, source, test, options, batch_tokens=batch_tokens),
        )
        tell(len(found), len(names), f"measured {key}")
    return found["base"], {
        name: [
            {**found.get(f"{name}-{i}", found["base"]), **updates[path], "run": path.parent.name}
            for i, path in enumerate(paths)
        ]
        for name, paths in variants.items()
    }


def _problems(test: HeldOut, where: Where | None) -> list[dict[str, Any]]:
    return [
        {"row_id": p.row_id, "label": p.label, "is_task": where is None or where.holds(s)}
        for p, s in zip(test.problems, test.samples, strict=True)
    ]


def _masks(updates: Sequence[Path]) -> dict[str, Any]:
    """The masks of the seeds, and how much they have in common."""
    paths = [parent_of(path, MASK) for path in updates]
    masks = [read_mask_file(path) for path in paths]
    kept = [read_mask(path)[0] for path in paths]
    overlaps = [a.overlap(b) for a, b in combinations(kept, 2)]
    names = ("kept", "counts", "share", "n_kept", "n_examples", "warnings")
    return {
        "shape": masks[0]["shape"],
        "masks": [{name: mask[name] for name in names} for mask in masks],
        "mask_overlap": sum(overlaps) / len(overlaps) if overlaps else None,
    }
