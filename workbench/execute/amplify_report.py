"""What an amplification did, as a run: `report.json`, and `report.html` to pass on.

    outcome = run_report(place, source, [update.result], ReportOptions(n=200))

The controls (the same update without mask, on a random mask, by LoRA) are runs of their own, made
here where they are missing. Each model is measured once, so an interrupted report goes on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from workbench.amplification import (
    CONTROLS,
    TEST,
    Problem,
    UpdateOptions,
    Where,
    amplification_report,
    answers_of,
    calculations,
    draw_rows,
    outside,
    parse_where,
    plain_network,
    read_mask,
    read_mask_file,
    retrieval,
    text_loss,
)
from workbench.config import file_digest
from workbench.data import atomic_file, fingerprint_sources
from workbench.errors import InputError
from workbench.execute.amplify import (
    LOCALIZED,
    MASK,
    PIVOTS,
    base_facts,
    check_model_of,
    checkable,
    data_of,
    network_of,
    parent_of,
    pinned,
    read_parent,
    telling,
)
from workbench.execute.amplify_update import MODEL, run_update
from workbench.execute.request import ModelSource, Outcome, Place, data_inputs, read_usable
from workbench.figures import amplification_page
from workbench.models import load_model
from workbench.runs import Run, RunSpec, open_run
from workbench.types import Sample

RESULT, PAGE = "report.json", "report.html"


@dataclass(frozen=True)
class ReportOptions:
    """`n` problems of the task and `n_other` others (0: none), drawn from the part held out.

    `text_n` plain texts, and `retrieval_n` key-value documents of at most `retrieval_limit` tokens
    (0 leaves either out).
    """

    n: int = 200
    n_other: int = 100
    text_n: int = 50
    retrieval_n: int = 40
    retrieval_limit: int | None = None
    controls: tuple[str, ...] = CONTROLS
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.controls) - set(CONTROLS)
        if unknown:
            raise InputError(
                f"a control is '{min(unknown)}'", expected=f"one of {', '.join(CONTROLS)}"
            )


def run_report(
    place: Place,
    source: ModelSource,
    updates: Sequence[Path],
    options: ReportOptions,
    *,
    data: Sequence[str] = (),
    control: str = "text",
) -> Outcome:
    """Measure masked updates, one a seed, against the model before and against their controls.

    `data` is by default that of the updates; only rows of the part 'test' are used.
    """
    found = [_read_update(path, source) for path in updates]
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
            variants = _with_controls(run, place, source, updates, found, options)
            _report(run, place, source, variants, options, data=data, control=control)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _read_update(path: Path, source: ModelSource) -> dict[str, Any]:
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
) -> Variants:
    """`update.json` of every variant and seed; the controls with the options of their update."""
    variants: Variants = {"mask": list(updates)}
    inner = Place(place.runs, telling(run, place))
    for name in options.controls:
        for path, update in zip(updates, found, strict=True):
            asked = _options_of(update, name)
            mask_path = path.parent.parent / update["mask"] / MASK
            done = run_update(inner, source, mask_path, asked)
            variants.setdefault(name, []).append(done.result)
    return variants


def _options_of(update: Mapping[str, Any], variant: str) -> UpdateOptions:
    known = {field.name for field in dataclasses.fields(UpdateOptions)}
    given = {name: value for name, value in update["options"].items() if name in known}
    given = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    return UpdateOptions(**{**given, "variant": variant})


@dataclass(frozen=True)
class Test:
    """What every model is measured on."""

    problems: list[Problem]
    samples: list[Sample]
    texts: list[Sample]
    sentences: list[str]
    max_new_tokens: int


def _report(
    run: Run,
    place: Place,
    source: ModelSource,
    variants: Variants,
    options: ReportOptions,
    *,
    data: Sequence[str],
    control: str,
) -> None:
    localized = read_parent(parent_of(variants["mask"][0], PIVOTS).with_name(LOCALIZED))
    where = parse_where(localized["where"]) if localized["where"] else None
    test = _test(source, options, localized, data, control)
    tell, n_total = telling(run, place), 1 + sum(map(len, variants.values()))
    n_done = 0

    def measured(key: str, name: str) -> dict[str, Any]:
        nonlocal n_done
        found = _once(run, f"measured-{key}.json", lambda: _measure(name, source, test, options))
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
            {"row_id": p.row_id, "label": p.label, "is_task": _is_task(s, where)}
            for p, s in zip(test.problems, test.samples, strict=True)
        ],
        **_masks(variants["mask"]),
    }
    report = amplification_report(base, models, facts)
    with atomic_file(run.path / PAGE) as file:
        file.write(amplification_page(report).encode())
    run.finish_json(RESULT, report, counts={"ok": len(test.problems)})


def _is_task(sample: Sample, where: Where | None) -> bool:
    return where is None or where.holds(sample)


def _test(
    source: ModelSource,
    options: ReportOptions,
    localized: Mapping[str, Any],
    data: Sequence[str],
    control: str,
) -> Test:
    """Problems of the task first, then the others."""
    samples = read_usable(data)
    where = parse_where(localized["where"]) if localized["where"] else None
    rows = draw_rows(samples, TEST, n=options.n, seed=options.seed, where=where)
    others = outside(samples, where)
    if options.n_other and others:
        rows += draw_rows(others, TEST, n=options.n_other, seed=options.seed)
    model = network_of(source)
    by_id = {row.row_id: row for row in rows}
    problems = checkable(model, rows, label=localized["label"])
    texts = read_usable([control]) if options.text_n or options.retrieval_n else []
    held_out = draw_rows(texts, TEST, n=options.text_n, seed=options.seed) if options.text_n else []
    return Test(
        problems=problems,
        samples=[by_id[problem.row_id] for problem in problems],
        texts=held_out,
        sentences=[text.prompt for text in texts],
        max_new_tokens=int(localized["max_new_tokens"]),
    )


def _once(run: Run, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What an earlier attempt measured, else measured now and kept."""
    if not (run.path / name).is_file():
        run.write_json(name, measure())
    return json.loads((run.path / name).read_text(encoding="utf-8"))


def _measure(name: str, source: ModelSource, test: Test, options: ReportOptions) -> dict[str, Any]:
    """Answers by decoding, everything else by one pass a sample through the hooked model."""
    how: dict[str, Any] = {
        "device": source.device,
        "dtype": source.dtype,
        "template": source.template,
    }
    network = plain_network(name, **how)
    right = answers_of(network, test.problems, max_new_tokens=test.max_new_tokens)[1]
    hooked = load_model(name, check=False, **how)
    n_documents = options.retrieval_n
    return {
        "right": right,
        "operations": calculations(hooked, test.samples),
        "text_loss": text_loss(hooked, test.texts) if test.texts else None,
        "retrieval": retrieval(hooked, test.sentences, n=n_documents, limit=options.retrieval_limit)
        if n_documents
        else None,
    }


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
