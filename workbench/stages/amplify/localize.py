"""Constructive Circuit Amplification as runs, first step: the pivotal tokens of problems.

pivots = run_localize(place, source, ["generated"], LocalizeOptions(n=2, max_new_tokens=8))
pivots.run / PIVOTS
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from workbench.amplification import (
    BATCH_TOKENS,
    LOCALIZE,
    PivotOptions,
    PlainNetwork,
    Problem,
    Where,
    allowed_length,
    find_pivots,
    parse_where,
    pivots_summary,
    pivots_table,
    read_pivots,
)
from workbench.data import Tally, fingerprint_sources
from workbench.models import ModelSource
from workbench.options import RECOGNISED, LocalizeOptions, ReadOptions
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
    PIVOTS,
    TaskData,
    answerable_problems,
    data_details,
    network_of,
    task_rows,
)
from workbench.stages.amplify.cost import Plan, decoding_cost, memory_cost
from workbench.stages.unchanged import check_unchanged

# Problems traced together. Results do not depend on it, but resuming loses no more than one shard.
SHARD = 128


def run_localize(
    place: Place,
    source: ModelSource,
    data: Sequence[str],
    options: LocalizeOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Find the pivotal tokens of `n` problems, shard by shard.

    `batch_tokens` cached tokens are held at once while decoding: memory, not results.
    """
    task_data = TaskData(tuple(data), how)
    spec = RunSpec(
        "amplify-localize",
        config=dataclasses.asdict(options) | how.asked,
        inputs={"data": fingerprint_sources(data), "model": source.fingerprint()},
        result_name=LOCALIZED,
        model=source.manifest(),
        details=data_details(task_data),
    )

    def work(task: Task) -> Finding:
        left_out: Counter[str] = Counter()
        network = network_of(source)
        keep_tokens(task.run, network.facts)
        tally = Tally()
        problems = _problems(network, task_data, options, left_out=left_out, tally=tally)
        task.has_read(tally.summary())
        pivoting = pivot_options(options, problems, batch_tokens)
        _trace(task, network, problems, pivoting)
        check_unchanged(data, spec.inputs["data"])
        found = pivots_summary(read_pivots(task.run.path / PIVOTS))
        summary = {
            "schema": 1,
            "model": without_place(source.manifest()),
            "data": list(data),
            "where": options.where,
            "label": label_column(options),
            "rule": options.rule,
            "seed": options.seed,
            "max_new_tokens": pivoting.max_new_tokens,
            "left_out": dict(sorted(left_out.items())),
            **found,
        }
        return Finding(summary, found["counts"])

    return answer(place, spec, work)


def plan_localize(
    source: ModelSource,
    data: Sequence[str],
    options: LocalizeOptions,
    *,
    how: ReadOptions = RECOGNISED,
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """A greedy and at most `n_samples` sampled traces of each problem; branching adds more."""
    network = network_of(source)
    tally = Tally()
    problems = _problems(network, TaskData(tuple(data), how), options, tally=tally)
    n_new = pivot_options(options, problems, batch_tokens).max_new_tokens
    passes, seconds = decoding_cost(network, problems, n_new, batch_tokens)
    n_traces = 1 + options.n_samples
    return {
        "samples": len(problems),
        "traces_at_most": n_traces * len(problems),
        "forward_passes": n_traces * passes,
        "estimated_seconds": round(n_traces * seconds, 1),
        "read": tally.summary(),
        **memory_cost(network, batch_tokens),
    }


def task_of(options: LocalizeOptions) -> Where | None:
    """Which rows belong to the task; None for all."""
    return parse_where(options.where) if options.where else None


def label_column(options: LocalizeOptions) -> str | None:
    """The column that results are broken down by: the one given, or that of the task."""
    task = task_of(options)
    return options.label or (task.column if task else None)


def _problems(
    network: PlainNetwork,
    data: TaskData,
    options: LocalizeOptions,
    *,
    left_out: Counter[str] | None = None,
    tally: Tally | None = None,
) -> list[Problem]:
    where = task_of(options)
    rows = task_rows(data, LOCALIZE, n=options.n, seed=options.seed, where=where, tally=tally)
    return answerable_problems(network, rows, label=label_column(options), left_out=left_out)


def pivot_options(
    options: LocalizeOptions, problems: Sequence[Problem], batch_tokens: int
) -> PivotOptions:
    """The options in the words of `find_pivots`."""
    return PivotOptions(
        max_new_tokens=options.max_new_tokens or allowed_length(problems),
        rule=options.rule,
        n_samples=options.n_samples,
        hot=options.hot,
        cool=options.cool,
        seed=options.seed,
        batch_tokens=batch_tokens,
    )


def _trace(
    task: Task, network: PlainNetwork, problems: list[Problem], options: PivotOptions
) -> None:
    """`pivots.parquet`; shards that an earlier attempt finished stay."""
    shards = [problems[i : i + SHARD] for i in range(0, len(problems), SHARD)]
    tell = task.progress()
    for index, shard in enumerate(shards):
        if not task.run.has_part(index):
            task.run.write_part(index, pivots_table(network, find_pivots(network, shard, options)))
        tell(index + 1, len(shards), f"traced {len(shard)} problems")
    task.run.merge_parts(PIVOTS, n_parts=len(shards))
