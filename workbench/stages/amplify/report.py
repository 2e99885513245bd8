"""What an amplification did, as a run: `report.json`, and `report.html` to pass on.

    outcome = run_report(place, source, [update.result], ReportOptions(n=200))

The controls (the same update without mask, on a random mask, by LoRA) are runs of their own, made
here where they are missing. Each model is measured once, so an interrupted report goes on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from workbench.amplification import (
    BATCH_TOKENS,
    UpdateOptions,
    amplification_report,
    parse_where,
    read_mask,
    read_mask_file,
)
from workbench.config import file_digest
from workbench.data import atomic_file, fingerprint_sources
from workbench.errors import InputError
from workbench.reports import amplification_page
from workbench.runs import Run, RunSpec, open_run
from workbench.stages.amplify.chain import (
    LOCALIZED,
    MASK,
    PIVOTS,
    base_facts,
    check_model_of,
    data_of,
    parent_of,
    pinned,
    read_parent,
    require_peft,
    telling,
)
from workbench.stages.amplify.measure import ReportOptions, measure, once, read_held_out
from workbench.stages.amplify.update import MODEL, run_update
from workbench.stages.request import ModelSource, Outcome, Place, data_inputs, keep_tokens

RESULT, PAGE = "report.json", "report.html"


def run_report(
    place: Place,
    source: ModelSource,
    updates: Sequence[Path],
    options: ReportOptions,
    *,
    data: Sequence[str] = (),
    control: str = "text",
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Measure masked updates, one a seed, against the model before and against their controls.

    `data` is by default that of the updates; only rows of the part 'test' are used. `batch_tokens`
    cached tokens are held at once while decoding: memory, not results.
    """
    if not updates:
        raise InputError("no update is named", expected="one or more, one a seed")
    if "lora" in options.controls:
        require_peft()
    found = [read_update(path, source) for path in updates]
    data = list(data) or data_of(updates[0])
    spec = RunSpec(
        "amplify-report",
        config={**dataclasses.asdict(options), "control": control},
        inputs={
            **data_inputs(data),
            "control": fingerprint_sources([control]),
            "updates": [file_digest(path) for path in updates],
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=tuple(path.parent.name for path in updates),
        model=source.manifest(),
        details={"data": data},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            variants = _with_controls(
                run, place, source, updates, found, options, batch_tokens=batch_tokens
            )
            _report(
                run,
                place,
                source,
                variants,
                options,
                data=data,
                control=control,
                batch_tokens=batch_tokens,
            )
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def read_update(path: Path, source: ModelSource) -> dict[str, Any]:
    """A masked update of this model; InputError for any other."""
    update = read_parent(path)
    if update.get("variant") != "mask":
        raise InputError(
            f"'{path}' is an update of the variant '{update.get('variant')}'",
            expected="masked updates; their controls are made by the report",
        )
    check_model_of(update, source)
    return update


Variants = dict[str, list[Path]]


def _with_controls(
    run: Run,
    place: Place,
    source: ModelSource,
    updates: Sequence[Path],
    found: Sequence[Mapping[str, Any]],
    options: ReportOptions,
    *,
    batch_tokens: int,
) -> Variants:
    """`update.json` of every variant and seed; the controls with the options of their update."""
    variants: Variants = {"mask": list(updates)}
    inner = Place(place.runs, telling(run, place))
    for name in options.controls:
        for path, update in zip(updates, found, strict=True):
            asked = options_of(update, name, options)
            mask_path = path.parent.parent / update["mask"] / MASK
            done = run_update(inner, source, mask_path, asked, batch_tokens=batch_tokens)
            variants.setdefault(name, []).append(done.result)
    return variants


def options_of(update: Mapping[str, Any], variant: str, options: ReportOptions) -> UpdateOptions:
    """Those of a masked update, for one of its controls."""
    known = {field.name for field in dataclasses.fields(UpdateOptions)}
    given = {name: value for name, value in update["options"].items() if name in known}
    given = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    return UpdateOptions(**{**given, "variant": variant, "lora_lrs": options.lora_lrs})


def _report(
    run: Run,
    place: Place,
    source: ModelSource,
    variants: Variants,
    options: ReportOptions,
    *,
    data: Sequence[str],
    control: str,
    batch_tokens: int,
) -> None:
    localized = read_parent(parent_of(variants["mask"][0], PIVOTS).with_name(LOCALIZED))
    where = parse_where(localized["where"]) if localized["where"] else None
    test = read_held_out(source, options, localized, data, control)
    keep_tokens(run, test.tokens)
    tell, n_total = telling(run, place), 1 + sum(map(len, variants.values()))
    n_done = 0

    def measured(key: str, name: str) -> dict[str, Any]:
        nonlocal n_done
        found = once(
            run,
            f"measured-{key}.json",
            lambda: measure(name, source, test, options, batch_tokens=batch_tokens),
        )
        n_done += 1
        tell(n_done, n_total, f"measured {key}")
        return found

    base = measured("base", pinned(source))
    models: dict[str, list[dict[str, Any]]] = {}
    for name, paths in variants.items():
        for number, path in enumerate(paths):
            update = read_parent(path)
            folder = str(path.parent / MODEL)
            unchanged = not update["best"]["step"]
            found = base if unchanged else measured(f"{name}-{number}", folder)
            models.setdefault(name, []).append({**found, **update, "run": path.parent.name})
    facts = {
        "model": base_facts(source),
        "data": list(data),
        "control": control,
        "where": localized["where"],
        "label": localized["label"],
        "options": dataclasses.asdict(options),
        "update": read_parent(variants["mask"][0])["options"],
        "problems": [
            {"row_id": p.row_id, "label": p.label, "is_task": where is None or where.holds(s)}
            for p, s in zip(test.problems, test.samples, strict=True)
        ],
        **_masks(variants["mask"]),
    }
    report = amplification_report(base, models, facts)
    with atomic_file(run.path / PAGE) as file:
        file.write(amplification_page(report).encode())
    run.finish_json(RESULT, report, counts={"ok": len(test.problems)})


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
