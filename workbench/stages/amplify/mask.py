"""Constructive Circuit Amplification as runs, second step: the mask over components.

mask = run_mask(place, source, pivots.run / "pivots.parquet", MaskOptions(epochs=1))
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from workbench.amplification import (
    CHECKPOINT,
    NORMALISED_WARNING,
    MaskOptions,
    has_normalised_queries,
    learn_mask,
    mask_summary,
    read_examples,
)
from workbench.config import file_digest
from workbench.engines import HookedEngine
from workbench.models import ModelSource
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.stages.amplify.chain import (
    LOCALIZED,
    MASK,
    check_model_of,
    data_details,
    data_of,
    read_parent,
)
from workbench.stages.amplify.cost import Plan, memory_cost, second_time

TIMED_EPOCHS = 2


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
        details=data_details(data_of(pivots_path)),
    )

    def work(task: Task) -> Finding:
        examples, model = read_examples(pivots_path), source.load()
        checkpoint = task.run.path / CHECKPOINT
        found = learn_mask(
            model, examples, options, checkpoint=checkpoint, on_progress=task.progress()
        )
        warnings = [NORMALISED_WARNING] if has_normalised_queries(model) else []
        summary = mask_summary(
            found, options, model=model.info, n_examples=len(examples), warnings=warnings
        )
        return Finding(summary, counts={"ok": len(examples)}, model=HookedEngine(model))

    return answer(place, spec, work, scratch=(CHECKPOINT,))


def plan_mask(source: ModelSource, pivots_path: Path, options: MaskOptions) -> Plan:
    """Every prefix read once, then one token a prefix and epoch, forward and backward."""
    check_model_of(read_parent(pivots_path.with_name(LOCALIZED)), source)
    examples, model = read_examples(pivots_path), source.load()
    n_steps = options.epochs * -(-len(examples) // options.batch_size)
    few = examples[: options.batch_size]
    one, more = (
        second_time(lambda n=n: learn_mask(model, few, MaskOptions(epochs=n)))
        for n in (1, 1 + TIMED_EPOCHS)
    )
    a_step = max(0.0, more - one) / TIMED_EPOCHS
    reading = max(0.0, one - a_step) * len(examples) / len(few)
    return {
        "samples": len(examples),
        "forward_passes": len(examples) + n_steps,
        "backward_passes": n_steps,
        "estimated_seconds": round(reading + n_steps * a_step, 1),
        **memory_cost(model, sum(len(example.prefix) for example in examples)),
    }
