"""Validation of a circuit as a run: `validation.json`, and `validation.html` to pass on.

options = ValidateOptions(n=5, random=5, decode_n=1)
outcome = run_validate(place, source, heads_path, ["generated"], options)
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.circuits import (
    ValidationOptions,
    answerable,
    head_sets,
    knockout_sets,
    read_heads,
    validate_circuit,
)
from workbench.config import digest, file_digest
from workbench.data import (
    Tally,
    atomic_file,
    batches_by_length,
    draw,
    fingerprint_sources,
    read_usable,
    unseen,
)
from workbench.engines import Engine
from workbench.engines import batch_tokens as free_tokens
from workbench.models import Model, ModelSource, Rendered, check_same_model
from workbench.options import (
    ALONE,
    CONTROL,
    RECOGNISED,
    ReadOptions,
    ValidateOptions,
    WorkerOptions,
)
from workbench.probe import usable_samples
from workbench.reports import validation_page
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer, check_same_template
from workbench.stages.calibrate import (
    padded_tokens,
    plan_of,
    seconds_a_new_token,
    seconds_per_token,
)
from workbench.stages.engine import EngineOpening, engine_of, open_engines, plan_of_workers
from workbench.stages.heads import read_importance, seen_rows
from workbench.stages.heads.find import FACTS
from workbench.stages.pieces import kept_pieces
from workbench.stages.unchanged import check_unchanged
from workbench.types import Head, HeadScores, Sample

RESULT = "validation.json"
PAGE = "validation.html"


@dataclass(frozen=True)
class Rows:
    """What a validation reads: a draw of the data's rows, and one of each control text's."""

    samples: list[Sample]
    held_out: bool | None
    malformed: Counter[str]
    controls: Mapping[str, list[Sample]]
    readings: Mapping[str, Mapping[str, Any]]


def run_validate(
    place: Place,
    source: ModelSource,
    heads_path: Path,
    data: Sequence[str],
    options: ValidateOptions,
    *,
    control: Sequence[str] = ("text",),
    control_how: ReadOptions = RECOGNISED,
    exclude: frozenset[str] = frozenset(),
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> Outcome:
    """Hold the circuit against random sets on rows of `data` that it was not found on.

    Left out are the rows that heads were run on, of the probe and its control, and those whose id
    is in `exclude`. Where that leaves none, the probe's rows are used and the report says so
    (`held_out` false; null where it is not known which rows the heads were found on). Workers share
    out the batches of samples and of answers.
    """
    heads = read_heads(heads_path)
    importance = read_importance(heads_path.parent)
    seen = seen_rows(heads_path.parent)
    spec = RunSpec(
        "validate",
        config={
            **_config(options),
            **how.asked,
            **control_how.asked,
            "control": list(control),
            **({"batch_tokens": batch_tokens} if batch_tokens else {}),
        },
        inputs={
            "data": fingerprint_sources(data),
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

    def work(task: Task) -> Finding:
        engine = _engine_of(source, heads, heads_path)
        rows = _rows(
            data, control, options, exclude=exclude, seen=seen, how=how, control_how=control_how
        )
        for name, reading in rows.readings.items():
            task.has_read(reading, name=name)
        opening = EngineOpening(source)
        with open_engines(opening, workers, engine=engine, on_progress=task.progress()) as engines:
            tokens = task.budget(batch_tokens, engines.batch_tokens)
            report = validate_circuit(
                engine,
                heads,
                rows.samples,
                controls=rows.controls,
                importance=importance,
                held_out=rows.held_out,
                options=validation_options(options, tokens),
                share=kept_pieces(task, engines),
            )
            task.run.record(**engines.details)
        check_unchanged(data, spec.inputs["data"])
        report["left_out"] |= rows.malformed
        report |= {
            "model": dataclasses.asdict(engine.model.info),
            "data": list(data),
            "heads_run": heads_path.parent.name,
            "method": heads.method,
        }
        with atomic_file(task.run.path / PAGE) as file:
            file.write(validation_page(report).encode())
        return Finding(report, counts={"ok": report["n_samples"]}, model=engine)

    return answer(place, spec, work)


def _config(options: ValidateOptions) -> dict[str, Any]:
    """What the run's name depends on; runs of before say nothing of contributions."""
    config = {**dataclasses.asdict(options), "facts": FACTS}
    if options.ablation == "uniform":
        del config["ablation"]
    return config


def plan_validate(
    source: ModelSource,
    heads_path: Path,
    data: Sequence[str],
    options: ValidateOptions,
    *,
    control: Sequence[str] = ("text",),
    control_how: ReadOptions = RECOGNISED,
    exclude: frozenset[str] = frozenset(),
    how: ReadOptions = RECOGNISED,
    batch_tokens: int | None = None,
    workers: WorkerOptions = ALONE,
) -> dict[str, Any]:
    """A clean pass of every part and, for each set of heads, the layers from its lowest on."""
    heads = read_heads(heads_path)
    engine = _engine_of(source, heads, heads_path)
    model, tokens = engine.model, batch_tokens or free_tokens(engine)
    full = validation_options(options, tokens)
    seen = seen_rows(heads_path.parent)
    rows = _rows(
        data, control, options, exclude=exclude, seen=seen, how=how, control_how=control_how
    )
    usable = usable_samples(model, rows.samples)
    parts = _tokens_by_part(model, heads, usable, rows, full)
    lengths = [len(r.ids) for r in usable.values()]
    per_token = seconds_per_token(engine, lengths)
    seconds = {name: tokens * per_token for name, tokens in parts.items()}
    answered = answerable(usable, rows.samples, n=options.decode_n)
    n_sets = len(head_sets(model, heads, n_random=options.random, seed=options.seed).every)
    n_new = n_sets * sum(problem.n_solution for problem in answered)
    if answered:
        seconds["decoding"] = n_new * seconds_a_new_token(engine, [p.prompt for p in answered])
    plan = plan_of(engine, lengths, full.batch_tokens, passes=1.0, seconds=0.0)
    tokens = sum(parts.values())
    return plan | {
        "full_passes": round(parts["loss"] / max(1, plan["tokens"]), 2),
        "forward_passes": round(tokens / max(1, plan["tokens"]) * plan["batches"], 1),
        "tokens": int(tokens),
        "decoded_tokens": n_new,
        "estimated_seconds": round(sum(seconds.values()), 1),
        "seconds_by_part": {name: round(value, 1) for name, value in seconds.items()},
        **rows.readings,
        **plan_of_workers(workers, source, sum(seconds.values())),
    }


def _engine_of(source: ModelSource, heads: HeadScores, heads_path: Path) -> Engine:
    """The engine, provided that the heads were found on its model and rows rendered as now."""
    model = source.load()
    check_same_model(heads.model, model.info)
    check_same_template(heads_path.parent, model)
    return engine_of(source)


def _rows(
    data: Sequence[str],
    control: Sequence[str],
    options: ValidateOptions,
    *,
    exclude: frozenset[str],
    seen: frozenset[str] | None,
    how: ReadOptions,
    control_how: ReadOptions,
) -> Rows:
    malformed: Counter[str] = Counter()
    tally, beside = Tally(), Tally(whose=CONTROL)
    readable = read_usable(data, how, left_out=malformed, tally=tally)
    samples, held_out = unseen(readable, exclude=exclude, seen=seen)
    controls = {}
    for name in control:
        others = read_usable([name], control_how, tally=beside)
        others, _ = unseen(others, exclude=frozenset(), seen=seen)
        controls[name] = draw(others, options.control_n, options.seed)
    chosen = draw(samples, options.n, options.seed)
    readings = {"read": tally.summary()}
    if controls:
        readings["read_control"] = beside.summary()
    return Rows(chosen, held_out, malformed, controls, readings)


def validation_options(options: ValidateOptions, batch_tokens: int) -> ValidationOptions:
    """The options in the words of `validate_circuit`."""
    return ValidationOptions(
        n_random=options.random,
        seed=options.seed,
        decode_n=options.decode_n,
        max_new_tokens=options.max_new_tokens,
        curve_n=options.curve_n,
        batch_tokens=batch_tokens,
        ablation=options.ablation,
    )


def _tokens_by_part(
    model: Model,
    heads: HeadScores,
    usable: Mapping[int, Rendered],
    rows: Rows,
    options: ValidationOptions,
) -> dict[str, float]:
    """Tokens through the whole model that the loss, the controls and the curve cost as much as."""
    sets = head_sets(model, heads, n_random=options.n_random, seed=options.seed)
    problems = list(usable.values())
    few = [*sets.named.values(), *sets.random[: options.control_random]]
    controls = [list(usable_samples(model, each).values()) for each in rows.controls.values()]
    by_mean = [sets.named["circuit"], *sets.random[: options.mean_random]]
    parts = {
        "loss": _tokens(model, problems, sets.every, options.batch_tokens),
        "contribution": _tokens(model, problems, by_mean, options.batch_tokens),
        "controls": sum(_tokens(model, each, few, options.batch_tokens) for each in controls),
    }
    if options.curve_n:
        curve = knockout_sets(
            sets.ranked,
            n_circuit=len(sets.named["circuit"]),
            n_orders=options.curve_orders,
            seed=options.seed,
        )
        some = problems[: options.curve_n]
        parts["curve"] = _tokens(model, some, curve.sets, options.batch_tokens)
    return parts


def _tokens(
    model: Model,
    rendered: Sequence[Rendered],
    sets: Sequence[Sequence[Head]],
    batch_tokens: int,
) -> float:
    """Tokens through the whole model that cost as much: a clean pass, then parts of it by set."""
    lengths = [len(r.ids) for r in rendered]
    padded = padded_tokens(lengths, batches_by_length(lengths, max_tokens=batch_tokens))
    lowest = [min(head.layer for head in heads) for heads in sets if heads]
    return padded * (1 + sum(1 - layer / model.n_layers for layer in lowest))
