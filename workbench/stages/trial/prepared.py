"""What a trial asks, and all of it that is known before the first training.

Asked(selection_paths=[path], data=["gsm8k"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.amplification import PlainNetwork
from workbench.data import Tally, draw, read_usable
from workbench.models import ModelSource, load_plain, resolve_device
from workbench.options import RECOGNISED, ReadOptions, TrialOptions, TuneOptions
from workbench.selection import Drawn, SharedPool, shared_pool
from workbench.trial import (
    Arm,
    Budget,
    Corpus,
    Evaluation,
    HarnessTasks,
    Stream,
    arms_of,
    budget_of,
    held_out,
    n_steps_of,
    network_of,
    streams_of,
)
from workbench.types import Sample


@dataclass(frozen=True)
class Asked:
    """Which selections, measured on which data; `moved` is the scored data where it has moved."""

    selection_paths: Sequence[Path]
    data: Sequence[str]
    how: ReadOptions = RECOGNISED
    moved: Sequence[str] = ()


@dataclass(frozen=True)
class Prepared:
    """All that is known before the first training."""

    drawn: Sequence[Drawn]
    pool: SharedPool
    arms: Sequence[Arm]
    seeds: Sequence[int]
    corpus: Corpus
    budget: Budget
    streams: dict[tuple[str, int], Stream]
    n_steps: int
    evaluation: Evaluation
    read: Mapping[str, Any]
    tasks: HarnessTasks | None = None

    @property
    def trainings(self) -> list[tuple[Arm, int]]:
        """Seed by seed, so that a trial that was stopped has whole seeds."""
        return [(arm, seed) for seed in self.seeds for arm in self.arms]


def loaded(source: ModelSource, tuning: TuneOptions) -> PlainNetwork:
    """The model as it is before any training: read anew for each, so that none begins elsewhere."""
    frozen_bfloat16 = tuning.lora and source.dtype == "bfloat16"
    model, tokenizer = load_plain(
        source.pinned,
        dtype="bfloat16" if frozen_bfloat16 else "float32",
        template=source.template,
        trust_remote_code=source.trust_remote_code,
    )
    return network_of(model.to(resolve_device(source.device)), tokenizer)


def prepared(
    network: PlainNetwork,
    drawn: Sequence[Drawn],
    asked: Asked,
    options: TrialOptions,
    tuning: TuneOptions,
) -> Prepared:
    pool = shared_pool(drawn)
    arms = arms_of(drawn, pool)
    corpus = Corpus.of(
        drawn,
        pool,
        network.tokenizer,
        n_ctx=min(network.n_ctx, tuning.max_length or network.n_ctx),
        end_token=tuning.end_token,
        data=asked.moved,
    )
    seeds = range(options.seed, options.seed + options.seeds)
    chosen = [arm.rows(options.seed) for arm in arms if arm.kind == "selection"]
    budget = budget_of(chosen, corpus, options.tokens)
    streams = streams_of(arms, corpus, budget, seeds=seeds)
    every = list(streams.values())
    n_steps = n_steps_of(every, budget, rows_per_step=tuning.batch_size)
    tally = Tally()
    samples = _eval_samples(asked, options, tally)
    evaluation = held_out(network, samples, n_answers=options.accuracy)
    read = tally.summary()
    tasks = (
        HarnessTasks.of(options.tasks, folder=options.task_folder, limit=options.task_n)
        if options.tasks
        else None
    )
    return Prepared(
        drawn, pool, arms, seeds, corpus, budget, streams, n_steps, evaluation, read, tasks
    )


def _eval_samples(asked: Asked, options: TrialOptions, tally: Tally) -> list[Sample]:
    samples = read_usable(asked.data, asked.how, tally=tally)
    return samples if options.eval_n is None else draw(samples, options.eval_n, options.seed)
