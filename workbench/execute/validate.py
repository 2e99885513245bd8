"""Validation of a circuit as a run: `validation.json`.

outcome = run_validate(place, source, heads_path, ["generated"], ValidateOptions(n=200))
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.circuits import read_heads, validate_circuit
from workbench.config import file_digest
from workbench.execute.request import (
    ModelSource,
    Outcome,
    Place,
    data_inputs,
    loaded_facts,
    read_usable,
)
from workbench.models import check_same_model
from workbench.runs import RunSpec, open_run

RESULT = "validation.json"


@dataclass(frozen=True)
class ValidateOptions:
    """`n` samples of the data, `control_n` of the control text, `random` draws of heads."""

    n: int = 300
    control_n: int = 100
    random: int = 50
    seed: int = 0


def run_validate(
    place: Place,
    source: ModelSource,
    heads_path: Path,
    data: Sequence[str],
    options: ValidateOptions,
    *,
    control: Sequence[str] = ("text",),
    exclude: frozenset[str] = frozenset(),
    batch_tokens: int = 2048,
) -> Outcome:
    """Hold the circuit against random sets on the rows of `data` whose id is not in `exclude`."""
    heads = read_heads(heads_path)
    spec = RunSpec(
        "validate",
        config={**dataclasses.asdict(options), "control": list(control)},
        inputs={
            **data_inputs(data),
            "heads": file_digest(heads_path),
            "model": source.fingerprint(),
            "exclude": sorted(exclude),
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

            def tell(done: int, total: int, text: str) -> None:
                run.event(done, total, text)
                place.on_progress(done, total, text)

            samples = [s for s in read_usable(data) if s.row_id not in exclude]
            report = validate_circuit(
                model,
                heads,
                _draw(samples, options.n, options.seed),
                control=_draw(read_usable(control), options.control_n, options.seed)
                if control
                else (),
                n_random=options.random,
                seed=options.seed,
                batch_tokens=batch_tokens,
                on_progress=tell,
            )
            run.write_json("model.json", loaded_facts(model))
            run.finish_json(RESULT, report, counts={"ok": report["n_samples"]})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _draw(samples: list, n: int, seed: int) -> list:
    order = np.random.default_rng(seed).permutation(len(samples))[:n]
    return [samples[i] for i in sorted(order.tolist())]
