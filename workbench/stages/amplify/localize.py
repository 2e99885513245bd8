"""Constructive Circuit Amplification as runs, first step: the pivotal tokens of problems.

pivots = run_localize(place, source, ["generated"], LocalizeOptions(where="n_steps=5..8"))
pivots.run / PIVOTS
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.amplification import (
    BATCH_TOKENS,
    LOCALIZE,
    PivotOptions,
    Problem,
    Where,
    allowed_length,
    find_pivots,
    parse_where,
    pivots_summary,
    pivots_table,
    read_pivots,
)
from workbench.data import fingerprint_sources
from workbench.models import Model, ModelSource
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
    answerable_problems,
    network_of,
    task_rows,
)
from workbench.stages.amplify.cost import Plan, decoding_cost, memory_cost

# Problems traced together. Results do not depend on it, but resuming loses no more than one shard.
SHARD = 128


@dataclass(frozen=True)
class LocalizeOptions:
    """Which problems, and how their traces are drawn; see `workbench.amplification.PivotOptions`.

    `where` chooses the task's rows (`n_steps=5..8`), `label` is a column that results are broken
    down by (default: that of `where`). `max_new_tokens` None: a quarter more than the longest
    given solution.
    """

    rule: str = "prefix"
    n: int = 300
    n_samples: int = 10
    hot: float = 1.2
    cool: float = 0.8
    where: str | None = None
    label: str | None = None
    max_new_tokens: int | None = None
    seed: int = 0

    @property
    def task(self) -> Where | None:
        return parse_where(self.where) if self.where else None

    @property
    def label_column(self) -> str | None:
        return self.label or (self.task.column if self.task else None)


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
        inputs={"data": fingerprint_sources(data), "model": source.fingerprint()},
        result_name=LOCALIZED,
        model=source.manifest(),
        details={"data": list(data)},
    )

    def work(task: Task) -> Finding:
        left_out: Counter[str] = Counter()
        model = network_of(source)
        keep_tokens(task.run, model.facts)
        problems = _problems(model, data, options, left_out)
        pivoting = pivot_options(options, problems, batch_tokens)
        _trace(task, model, problems, pivoting)
        found = pivots_summary(read_pivots(task.run.path / PIVOTS))
        summary = {
            "schema": 1,
            "model": without_place(source.manifest()),
            "data": list(data),
            "where": options.where,
            "label": options.label_column,
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
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """A greedy and at most `n_samples` sampled traces of each problem; branching adds more."""
    model = network_of(source)
    problems = _problems(model, data, options)
    n_new = pivot_options(options, problems, batch_tokens).max_new_tokens
    passes, seconds = decoding_cost(model, problems, n_new, batch_tokens)
    n_traces = 1 + options.n_samples
    return {
        "samples": len(problems),
        "traces_at_most": n_traces * len(problems),
        "forward_passes": n_traces * passes,
        "estimated_seconds": round(n_traces * seconds, 1),
        **memory_cost(model, batch_tokens),
    }


def _problems(
    model: Model,
    data: Sequence[str],
    options: LocalizeOptions,
    left_out: Counter[str] | None = None,
) -> list[Problem]:
    rows = task_rows(data, LOCALIZE, n=options.n, seed=options.seed, where=options.task)
    return answerable_problems(model, rows, label=options.label_column, left_out=left_out)


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


def _trace(task: Task, model: Model, problems: list[Problem], options: PivotOptions) -> None:
    """`pivots.parquet`; shards that an earlier attempt finished stay."""
    shards = [problems[i : i + SHARD] for i in range(0, len(problems), SHARD)]
    tell = task.progress()
    for index, shard in enumerate(shards):
        if not task.run.has_part(index):
            task.run.write_part(index, pivots_table(model, find_pivots(model, shard, options)))
        tell(index + 1, len(shards), f"traced {len(shard)} problems")
    task.run.merge_parts(PIVOTS, n_parts=len(shards))
