"""Validation of a circuit as a run: `validation.json`, and `validation.html` to pass on.

outcome = run_validate(place, source, heads_path, ["generated"], ValidateOptions(n=200))
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.circuits import ValidationOptions, read_heads, validate_circuit
from workbench.config import digest, file_digest
from workbench.data import atomic_file, fingerprint_sources
from workbench.errors import InputError
from workbench.figures import validation_page
from workbench.models import check_same_model
from workbench.options import ValidateOptions
from workbench.runs import RunSpec, open_run
from workbench.stages.heads import read_importance, seen_rows
from workbench.stages.request import (
    ModelSource,
    Outcome,
    Place,
    budget_of,
    check_same_template,
    data_inputs,
    fitted,
    keep_facts,
    read_usable,
)
from workbench.types import Sample

RESULT = "validation.json"
PAGE = "validation.html"


def validation_options(options: ValidateOptions, batch_tokens: int) -> ValidationOptions:
    """The same in the words of `validate_circuit`."""
    return ValidationOptions(
        n_random=options.random,
        seed=options.seed,
        decode_n=options.decode_n,
        max_new_tokens=options.max_new_tokens,
        curve_n=options.curve_n,
        batch_tokens=batch_tokens,
    )


def run_validate(
    place: Place,
    source: ModelSource,
    heads_path: Path,
    data: Sequence[str],
    options: ValidateOptions,
    *,
    control: Sequence[str] = ("text",),
    exclude: frozenset[str] = frozenset(),
    batch_tokens: int | None = None,
) -> Outcome:
    """Hold the circuit against random sets on rows of `data` that it was not found on.

    Left out are the rows that heads were run on, of the probe and its control, and those whose id
    is in `exclude`. Where that leaves none, the probe's rows are used and the report says so
    (`held_out` false; null where it is not known which rows the heads were found on).
    """
    heads = read_heads(heads_path)
    importance = read_importance(heads_path.parent)
    seen = seen_rows(heads_path.parent)
    spec = RunSpec(
        "validate",
        config={**dataclasses.asdict(options), "control": list(control)},
        inputs={
            **data_inputs(data),
            "control": {name: fingerprint_sources([name]) for name in control},
            "heads": file_digest(heads_path),
            "model": source.fingerprint(),
            "exclude": sorted(exclude),
            "seen": digest(sorted(seen or ())),
        },
        result_name=RESULT,
        parents=(heads_path.parent.name,),
        model=source.manifest(),
        details={"data": list(data)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            model = source.load()
            check_same_model(heads.model, model.info)
            check_same_template(heads_path.parent, model)

            def tell(done: int, total: int, text: str) -> None:
                text = fitted(run, model, text)
                run.event(done, total, text)
                place.on_progress(done, total, text)

            malformed: Counter[str] = Counter()
            readable = read_usable(data, left_out=malformed)
            samples, held_out = unseen(readable, exclude=exclude, seen=seen)
            report = validate_circuit(
                model,
                heads,
                draw(samples, options.n, options.seed),
                controls={name: _control_rows(name, seen, options) for name in control},
                importance=importance,
                held_out=held_out,
                options=validation_options(options, budget_of(run, model, batch_tokens)),
                on_progress=tell,
            )
            report["left_out"] |= malformed
            report |= {
                "model": dataclasses.asdict(model.info),
                "data": list(data),
                "heads_run": heads_path.parent.name,
                "method": heads.method,
            }
            keep_facts(run, model)
            with atomic_file(run.path / PAGE) as file:
                file.write(validation_page(report).encode())
            run.finish_json(RESULT, report, counts={"ok": report["n_samples"]})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def unseen(
    samples: Sequence[Sample], *, exclude: frozenset[str], seen: frozenset[str] | None
) -> tuple[list[Sample], bool | None]:
    """The rows that the heads were not found on, and True; without any, the others and False.

    All rows and None where `seen` is not known.
    """
    allowed = [s for s in samples if s.row_id not in exclude]
    if not allowed:
        raise InputError(
            f"all {len(samples)} rows are left out of the validation",
            expected="rows that the heads were not found on",
            do="validate on other data",
        )
    if seen is None:
        return allowed, None
    held_out = [s for s in allowed if s.row_id not in seen]
    return (held_out, True) if held_out else (allowed, False)


def draw(samples: Sequence[Sample], n: int, seed: int) -> list[Sample]:
    """At most `n` rows at random, in their own order."""
    order = np.random.default_rng(seed).permutation(len(samples))[:n]
    return [samples[i] for i in sorted(order.tolist())]


def _control_rows(name: str, seen: frozenset[str] | None, options: ValidateOptions) -> list[Any]:
    samples, _ = unseen(read_usable([name]), exclude=frozenset(), seen=seen)
    return draw(samples, options.control_n, options.seed)
