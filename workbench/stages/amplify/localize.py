"""Constructive Circuit Amplification as runs, first half: pivotal tokens, and the mask.

pivots = run_localize(place, source, ["generated"], LocalizeOptions(where="n_steps=5..8"))
mask = run_mask(place, source, pivots.run / PIVOTS, MaskOptions())
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from workbench.amplification import (
    BATCH_TOKENS,
    CHECKPOINT,
    LOCALIZE,
    NORMALISED_WARNING,
    OK,
    REASONS,
    MaskOptions,
    PivotOptions,
    Problem,
    Where,
    allowed_length,
    find_pivots,
    has_normalised_queries,
    learn_mask,
    mask_summary,
    parse_where,
    pivots_table,
    read_examples,
    read_pivots,
)
from workbench.config import file_digest
from workbench.options import LocalizeOptions
from workbench.runs import Run, RunSpec, open_run
from workbench.stages.amplify.chain import (
    LOCALIZED,
    MASK,
    PIVOTS,
    base_facts,
    check_model_of,
    checkable,
    data_of,
    network_of,
    read_parent,
    task_rows,
    telling,
)
from workbench.stages.request import (
    ModelSource,
    Outcome,
    Place,
    data_inputs,
    keep_facts,
    keep_tokens,
)

# Problems traced together. Results do not depend on it, but resuming loses no more than one shard.
SHARD = 128


def task_of(options: LocalizeOptions) -> Where | None:
    """Which rows are the task; None where all are."""
    return parse_where(options.where) if options.where else None


def label_column(options: LocalizeOptions) -> str | None:
    """The column that results are broken down by."""
    task = task_of(options)
    return options.label or (task.column if task else None)


def pivot_options(
    options: LocalizeOptions, problems: Sequence[Problem], batch_tokens: int
) -> PivotOptions:
    """The same in the words of `find_pivots`."""
    return PivotOptions(
        max_new_tokens=options.max_new_tokens or allowed_length(problems),
        rule=options.rule,
        n_samples=options.n_samples,
        hot=options.hot,
        cool=options.cool,
        seed=options.seed,
        batch_tokens=batch_tokens,
    )


def run_localize(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: LocalizeOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Find the pivotal tokens of `n` problems, shard by shard.

    `batch_tokens` cached tokens are held at once while decoding: memory, not results.
    """
    spec = RunSpec(
        "amplify-localize",
        config=dataclasses.asdict(options),
        inputs={**data_inputs(data), "model": source.fingerprint()},
        result_name=LOCALIZED,
        model=source.manifest(),
        details={"data": list(data)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            _localize(run, place, source, data, options, batch_tokens=batch_tokens)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _localize(
    run: Run,
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: LocalizeOptions,
    *,
    batch_tokens: int,
) -> None:
    left_out: Counter[str] = Counter()
    samples = task_rows(data, LOCALIZE, n=options.n, seed=options.seed, where=task_of(options))
    model = network_of(source)
    keep_tokens(run, model.facts)
    problems = checkable(model, samples, label=label_column(options), left_out=left_out)
    pivoting = pivot_options(options, problems, batch_tokens)
    shards = [problems[i : i + SHARD] for i in range(0, len(problems), SHARD)]
    tell = telling(run, place)
    for index, shard in enumerate(shards):
        if not run.has_part(index):
            run.write_part(index, pivots_table(model, find_pivots(model, shard, pivoting)))
        tell(index + 1, len(shards), f"traced {len(shard)} problems")
    run.merge_parts(PIVOTS, n_parts=len(shards))
    rows = read_pivots(run.path / PIVOTS)
    counts = Counter(row["status"] for row in rows)
    summary = {
        "schema": 1,
        "model": base_facts(source),
        "data": list(data),
        "where": options.where,
        "label": label_column(options),
        "rule": options.rule,
        "seed": options.seed,
        "max_new_tokens": pivoting.max_new_tokens,
        "n_problems": len(rows),
        "greedy_right": sum(row["greedy_right"] for row in rows) / len(rows),
        "counts": dict(sorted(counts.items())),
        "reasons": {status: REASONS[status] for status in sorted(counts) if REASONS[status]},
        "left_out": dict(sorted(left_out.items())),
        "n_pivots": counts[OK],
        "mean_sampled": sum(row["n_sampled"] for row in rows) / len(rows),
    }
    run.finish_json(LOCALIZED, summary, counts=counts)


def run_mask(place: Place, source: ModelSource, pivots_path: Path, options: MaskOptions) -> Outcome:
    """Learn the mask on the pivotal tokens of a localize run."""
    check_model_of(read_parent(pivots_path.with_name(LOCALIZED)), source)
    spec = RunSpec(
        "amplify-mask",
        config=dataclasses.asdict(options),
        inputs={"pivots": file_digest(pivots_path), "model": source.fingerprint()},
        result_name=MASK,
        parents=(pivots_path.parent.name,),
        model=source.manifest(),
        details={"data": data_of(pivots_path)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            examples = read_examples(pivots_path)
            model = source.load()
            kept = run.path / CHECKPOINT
            found = learn_mask(
                model, examples, options, checkpoint=kept, on_progress=telling(run, place)
            )
            warnings = [NORMALISED_WARNING] if has_normalised_queries(model) else []
            keep_facts(run, model)
            summary = mask_summary(
                found, options, model=model.info, n_examples=len(examples), warnings=warnings
            )
            run.finish_json(MASK, summary, counts={"ok": len(examples)})
            kept.unlink(missing_ok=True)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))
