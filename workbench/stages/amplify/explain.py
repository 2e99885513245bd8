"""The plan of each step of an amplification before the work: passes, time and memory.

    explain_localize(source, ["generated"], LocalizeOptions(n=200), batch_tokens=2**16)

Times come from a few timed steps. Decoding is planned to its full length and number of samples, so
it usually ends sooner.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.amplification import (
    BATCH_TOKENS,
    LOCALIZE,
    VALIDATE,
    Example,
    MaskOptions,
    Problem,
    UpdateOptions,
    allowed_length,
    answers_of,
    learn_mask,
    network_shape,
    parse_where,
    prefix_gradient,
    read_examples,
)
from workbench.models import Model
from workbench.options import LocalizeOptions, ReportOptions
from workbench.stages.amplify.chain import (
    LOCALIZED,
    MASK,
    PIVOTS,
    check_model_of,
    checkable,
    data_of,
    network_of,
    parent_of,
    read_parent,
    task_rows,
)
from workbench.stages.amplify.localize import label_column, task_of
from workbench.stages.amplify.measure import read_held_out
from workbench.stages.amplify.report import options_of, read_update
from workbench.stages.request import ModelSource

TIMED_STEPS, TIMED_ROWS, TIMED_EPOCHS = 8, 32, 2
Plan = dict[str, Any]


def explain_localize(
    source: ModelSource,
    data: Sequence[str],
    options: LocalizeOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """A greedy and at most `n_samples` sampled traces of each problem; branching adds more."""
    model = network_of(source)
    problems = _problems(model, data, options)
    n_new = options.max_new_tokens or allowed_length(problems)
    passes, seconds = _decoding(model, problems, n_new, batch_tokens)
    n_traces = 1 + options.n_samples
    return {
        "samples": len(problems),
        "traces_at_most": n_traces * len(problems),
        "forward_passes": n_traces * passes,
        "estimated_seconds": round(n_traces * seconds, 1),
        **_memory(model, batch_tokens),
    }


def _problems(model: Model, data: Sequence[str], options: LocalizeOptions) -> list[Problem]:
    rows = task_rows(data, LOCALIZE, n=options.n, seed=options.seed, where=task_of(options))
    return checkable(model, rows, label=label_column(options))


def explain_mask(source: ModelSource, pivots_path: Path, options: MaskOptions) -> Plan:
    """Every prefix read once, then one token a prefix and epoch, forward and backward."""
    check_model_of(read_parent(pivots_path.with_name(LOCALIZED)), source)
    examples, model = read_examples(pivots_path), source.load()
    n_steps = options.epochs * -(-len(examples) // options.batch_size)
    few = examples[: options.batch_size]
    one, more = (
        _seconds(lambda n=n: learn_mask(model, few, MaskOptions(epochs=n)))
        for n in (1, 1 + TIMED_EPOCHS)
    )
    a_step = max(0.0, more - one) / TIMED_EPOCHS
    reading = max(0.0, one - a_step) * len(examples) / len(few)
    return {
        "samples": len(examples),
        "forward_passes": len(examples) + n_steps,
        "backward_passes": n_steps,
        "estimated_seconds": round(reading + n_steps * a_step, 1),
        **_memory(model, sum(len(example.prefix) for example in examples)),
    }


def explain_update(
    source: ModelSource,
    mask_path: Path,
    options: UpdateOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """The steps over whole prefixes, and the validation problems decoded at every look."""
    pivots_path = parent_of(mask_path, PIVOTS)
    localized = read_parent(pivots_path.with_name(LOCALIZED))
    check_model_of(localized, source)
    model, examples = network_of(source), read_examples(pivots_path)
    where = parse_where(localized["where"]) if localized["where"] else None
    rows = task_rows(
        data_of(mask_path), VALIDATE, n=options.validation_n, seed=options.seed, where=where
    )
    problems = checkable(model, rows, label=localized["label"])
    n_steps = options.steps * len(options.sizes)
    n_looks = 1 + len(options.sizes) * -(-options.steps // options.every)
    passes, seconds = _decoding(model, problems, int(localized["max_new_tokens"]), batch_tokens)
    steps = n_steps * _step_seconds(model, examples[: options.batch_size])
    return {
        "samples": len(problems),
        "steps": n_steps,
        "forward_passes": n_steps + n_looks * passes,
        "backward_passes": n_steps,
        "estimated_seconds": round(steps + n_looks * seconds, 1),
        "seconds_by_part": {"steps": round(steps, 1), "validation": round(n_looks * seconds, 1)},
        **_memory(model, batch_tokens),
    }


def explain_report(
    source: ModelSource,
    updates: Sequence[Path],
    options: ReportOptions,
    *,
    data: Sequence[str] = (),
    control: str = "text",
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """Controls as if none were there yet, and the held-out problems decoded by every model."""
    found = [read_update(path, source) for path in updates]
    localized = read_parent(parent_of(updates[0], PIVOTS).with_name(LOCALIZED))
    data = list(data) or data_of(updates[0])
    held_out = read_held_out(source, options, localized, data, control)
    model = network_of(source)
    n_models = 1 + len(updates) * (1 + len(options.controls))
    passes, seconds = _decoding(model, held_out.problems, held_out.max_new_tokens, batch_tokens)
    passes, seconds = n_models * passes, n_models * seconds
    parts = {"answers": round(seconds, 1), "controls": 0.0}
    for name in options.controls:
        for path, update in zip(updates, found, strict=True):
            mask_path = path.parent.parent / update["mask"] / MASK
            asked = options_of(update, name, options)
            plan = explain_update(source, mask_path, asked, batch_tokens=batch_tokens)
            passes += plan["forward_passes"]
            parts["controls"] = round(parts["controls"] + plan["estimated_seconds"], 1)
    return {
        "samples": len(held_out.problems),
        "models": n_models,
        "forward_passes": passes,
        "estimated_seconds": round(sum(parts.values()), 1),
        "seconds_by_part": parts,
        **_memory(model, batch_tokens),
    }


def _decoding(
    model: Model, problems: Sequence[Problem], n_new: int, batch_tokens: int
) -> tuple[int, float]:
    """Passes and seconds of one trace of every problem, were each as long as it may be."""
    tokens = sum(len(problem.prompt) + n_new for problem in problems)
    n_batches = -(-tokens // batch_tokens)
    few = list(problems[: min(TIMED_ROWS, -(-len(problems) // n_batches))])
    one, more = (
        _seconds(lambda n=n: answers_of(model, few, max_new_tokens=n))
        for n in (1, 1 + min(TIMED_STEPS, n_new))
    )
    a_step = max(0.0, more - one) / min(TIMED_STEPS, n_new)
    return n_batches * n_new, n_batches * (one + n_new * a_step)


def _step_seconds(model: Model, examples: Sequence[Example]) -> float:
    """A pass over whole prefixes and back, with all weights asking for a gradient."""
    network = model.hooked.original_model.requires_grad_(True)
    seconds = _seconds(lambda: prefix_gradient(model, examples))
    network.zero_grad()
    network.requires_grad_(False)
    return seconds


def _seconds(work: Callable[[], Any]) -> float:
    """Of the second time: the first one warms up."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _memory(model: Model, n_tokens: int) -> Plan:
    """Megabytes of the weights, and of the keys and values of so many tokens."""
    network = model.hooked.original_model
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    shape, size = network_shape(network), next(network.parameters()).element_size()
    each = 2 * shape.n_layers * shape.n_key_value_heads * shape.d_head * size
    return {"weights_mb": round(weights / 1e6), "cache_mb": round(n_tokens * each / 1e6)}
