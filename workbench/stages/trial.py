"""A trial as a run: one training after another, each a finished part, then `report.json`.

    asked = Asked(selection_paths=[path], data=["gsm8k"])
    options = TrialOptions(seeds=1, eval_n=4)
    outcome = run_trial(place, source, asked, options, TuneOptions(lora=True))

Killed at any moment and run again, it goes on with the arm it was at, from its last checkpoint, and
on the CPU every file has the same bytes as in an unbroken run. Trained weights are not kept.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.amplification import PlainNetwork
from workbench.config import file_digest
from workbench.data import atomic_file, draw, fingerprint_sources, read_usable
from workbench.errors import InputError
from workbench.models import ModelSource, load_plain, resolve_device, tokenizer_facts
from workbench.options import RECOGNISED, ReadOptions, SpendOptions, TrialOptions, TuneOptions
from workbench.reports import trial_page
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
from workbench.selection import Drawn, SharedPool, read_drawn, shared_pool
from workbench.stages.calibrate import seconds_a_new_token, timed
from workbench.stages.tune import check_source
from workbench.trial import (
    UNTUNED,
    Arm,
    Budget,
    Corpus,
    Evaluation,
    Measured,
    Stream,
    arms_of,
    budget_of,
    held_out,
    losses_of,
    n_steps_of,
    network_of,
    streams_of,
    trial_report,
    warnings_of,
)
from workbench.tuning import Training, merged, require_extra, train, with_lora
from workbench.types import Progress, Sample

RESULT, PAGE = "report.json", "trial.html"
LOSSES, CURVES = "losses", "curves"
SCHEMA = pa.schema(
    [
        ("arm", pa.string()),
        ("seed", pa.int64()),
        ("row_id", pa.string()),
        ("loss", pa.float64()),
        ("right", pa.bool_()),
    ]
)
# What of a tuning's options an arm sets itself.
OWN = ("seed", "epochs", "max_steps", "accumulate")


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

    @property
    def trainings(self) -> list[tuple[Arm, int]]:
        """Seed by seed, so that a trial that was stopped has whole seeds."""
        return [(arm, seed) for seed in self.seeds for arm in self.arms]


def run_trial(
    place: Place,
    source: ModelSource,
    asked: Asked,
    options: TrialOptions,
    tuning: TuneOptions,
    *,
    spend: SpendOptions | None = None,
) -> Outcome:
    """Train the model on each selection and on controls, or answer from a finished run."""
    check_source(source)
    drawn = [read_drawn(path, place.runs) for path in asked.selection_paths]
    found = fingerprint_sources(asked.data)
    spec = RunSpec(
        "trial",
        config={
            **dataclasses.asdict(options),
            **asked.how.asked,
            "tuning": _settings(tuning),
        },
        inputs={
            "selections": [file_digest(path) for path in asked.selection_paths],
            "scored": [one.chain["score"]["inputs"]["data"] for one in drawn],
            "eval": found,
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=tuple(path.parent.name for path in asked.selection_paths),
        model=source.manifest(),
        details={"data": list(asked.data), "device": str(resolve_device(source.device))},
    )
    scratch = [_checkpoint(i) for i in range(options.seeds * (2 + 2 * len(drawn)))]

    def work(task: Task) -> Finding:
        require_extra()
        trial = _Trial(task, spec, source, tuning, spend or SpendOptions())
        return trial.run(drawn, asked, options)

    return answer(place, spec, work, scratch=scratch)


def _settings(tuning: TuneOptions) -> dict[str, Any]:
    """What of a tuning's options matters to every arm; an adapter's only if there is one."""
    apart = OWN if tuning.lora else (*OWN, "lora_rank", "lora_alpha")
    settings = {k: v for k, v in dataclasses.asdict(tuning).items() if k not in apart}
    return settings | {"lr": tuning.learning_rate}


def plan_trial(
    source: ModelSource,
    asked: Asked,
    options: TrialOptions,
    tuning: TuneOptions,
    *,
    runs: Path,
) -> dict[str, Any]:
    """Arms, steps, passes, tokens (padding left out), seconds and megabytes."""
    check_source(source)
    require_extra()
    drawn = [read_drawn(path, runs) for path in asked.selection_paths]
    network = _loaded(source, tuning)
    ready = _prepared(network, drawn, asked, options, tuning)
    model = with_lora(network.wrapped, tuning) if tuning.lora else network.wrapped
    stream = ready.streams[ready.arms[0].name, ready.seeds[0]]
    batch = max(stream.batches(ready.budget.tokens, n_steps=ready.n_steps), key=len)
    per_token = _seconds_per_token(model, network, [stream.examples[i].ids for i in batch])
    n = len(ready.trainings)
    eval_tokens = (n + 1) * sum(len(r.ids) for r in ready.evaluation.rendered)
    trained = n * ready.budget.tokens
    problems = ready.evaluation.problems
    n_new = (n + 1) * sum(problem.n_solution for problem in problems)
    # A pass without a backward pass costs a third.
    seconds = {"passes": per_token * (trained + eval_tokens / 3)}
    if problems:
        seconds["decoding"] = n_new * seconds_a_new_token(network, [p.prompt for p in problems])
    return {
        "arms": [arm.name for arm in ready.arms],
        "trainings": n,
        "steps": ready.n_steps,
        "tokens_an_arm": ready.budget.tokens,
        "forward_passes": n * ready.n_steps,
        "backward_passes": n * ready.n_steps,
        "tokens": trained + eval_tokens,
        "eval_rows": len(ready.evaluation.rendered),
        "answers": (n + 1) * len(problems),
        "decoded_tokens": n_new,
        "estimated_seconds": round(sum(seconds.values()), 1),
        "seconds_by_part": {name: round(value, 1) for name, value in seconds.items()},
        "weights_mb": round(sum(p.numel() * p.element_size() for p in model.parameters()) / 1e6),
    }


def _seconds_per_token(model: Any, network: PlainNetwork, rows: Sequence[Sequence[int]]) -> float:
    """Time of one forward and backward pass over a step, after one to warm up."""
    import torch

    width = max(map(len, rows))
    ids = torch.zeros((len(rows), width), dtype=torch.long, device=network.device)

    def step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        model.zero_grad()

    step()
    return timed(step) / sum(map(len, rows))


def _checkpoint(number: int) -> str:
    return f"checkpoint-{number:05d}.safetensors"


def _loaded(source: ModelSource, tuning: TuneOptions) -> PlainNetwork:
    """The model as it is before any training: read anew for each, so that none begins elsewhere."""
    frozen_bfloat16 = tuning.lora and source.dtype == "bfloat16"
    model, tokenizer = load_plain(
        source.pinned,
        dtype="bfloat16" if frozen_bfloat16 else "float32",
        template=source.template,
    )
    return network_of(model.to(resolve_device(source.device)), tokenizer)


def _prepared(
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
    samples = _eval_samples(asked, options)
    evaluation = held_out(network, samples, n_answers=options.accuracy)
    return Prepared(drawn, pool, arms, seeds, corpus, budget, streams, n_steps, evaluation)


def _eval_samples(asked: Asked, options: TrialOptions) -> list[Sample]:
    samples = read_usable(asked.data, asked.how)
    return samples if options.eval_n is None else draw(samples, options.eval_n, options.seed)


@dataclass(frozen=True)
class _Trial:
    """One run of a trial: what it works with, all of it known before the data is read."""

    task: Task
    spec: RunSpec
    source: ModelSource
    tuning: TuneOptions
    spend: SpendOptions

    def run(self, drawn: Sequence[Drawn], asked: Asked, options: TrialOptions) -> Finding:
        network = _loaded(self.source, self.tuning)
        keep_tokens(self.task.run, tokenizer_facts(network.tokenizer, self.source.find()[0]))
        ready = _prepared(network, drawn, asked, options, self.tuning)
        n = len(ready.trainings)
        total = n * (ready.n_steps + 1) + 1
        tell = self.task.progress()
        tell(0, total, "the model before")
        if not self.task.run.has_part(n, series=LOSSES):
            self._write(n, _measured(network, ready.evaluation, UNTUNED, None))
        del network
        for number, (arm, seed) in enumerate(ready.trainings):
            if not self.task.run.has_part(number, series=LOSSES):
                done = 1 + number * (ready.n_steps + 1)
                self._train(number, ready, _shifted(tell, done, total, f"{arm.name}, seed {seed}"))
            (self.task.run.path / _checkpoint(number)).unlink(missing_ok=True)
        tell(total, total, "all arms")
        return self._finished(ready, asked)

    def _train(self, number: int, ready: Prepared, on_progress: Progress) -> None:
        """Train one arm with one seed, measure it, and write its parts."""
        arm, seed = ready.trainings[number]
        stream, network = ready.streams[arm.name, seed], _loaded(self.source, self.tuning)
        options = dataclasses.replace(
            self.tuning, seed=seed, max_steps=ready.n_steps, epochs=None, accumulate=1
        )
        # The trainer aligns these with the tokenizer; answers end as those of the model before.
        configs = copy.deepcopy((network.wrapped.config, network.wrapped.generation_config))
        network.wrapped.train()
        tuned = with_lora(network.wrapped, options) if options.lora else network.wrapped
        batches = stream.batches(ready.budget.tokens, n_steps=ready.n_steps)
        training = Training(
            checkpoint=self.task.run.path / _checkpoint(number),
            digest=f"{self.spec.digest}-{number}",
            checkpoint_every=self.spend.checkpoint_every,
            device=resolve_device(self.source.device),
            bfloat16=self.source.dtype == "bfloat16",
            gradient_checkpointing=self.spend.gradient_checkpointing,
            on_progress=on_progress,
            batches=batches,
        )
        curve = train(tuned, network.tokenizer, stream.examples, options, training, weighted=False)
        plain = merged(tuned) if options.lora else tuned
        plain.config, plain.generation_config = configs
        on_progress(ready.n_steps, ready.n_steps, "held-out loss")
        table = _measured(network_of(plain, network.tokenizer), ready.evaluation, arm.name, seed)
        rows = [
            {
                "arm": arm.name,
                "seed": seed,
                **step,
                "n_rows": len(batch),
                "n_tokens": sum(len(stream.examples[i].ids) for i in batch),
                "n_targets": sum(stream.examples[i].n_targets for i in batch),
            }
            for step, batch in zip(curve, batches, strict=True)
        ]
        self.task.run.write_part(number, pa.Table.from_pylist(rows), series=CURVES)
        self._write(number, table)

    def _write(self, number: int, table: pa.Table) -> None:
        """The part that says that an arm is done."""
        self.task.run.write_part(number, table, series=LOSSES)

    def _finished(self, ready: Prepared, asked: Asked) -> Finding:
        run, n = self.task.run, len(ready.trainings)
        run.merge_parts(f"{CURVES}.parquet", n_parts=n, series=CURVES)
        run.merge_parts(f"{LOSSES}.parquet", n_parts=n + 1, series=LOSSES)
        measured = _read(run.path / f"{LOSSES}.parquet", ready)
        report = {
            "schema": 1,
            "model": without_place(self.source.manifest()),
            "options": dict(self.spec.config["tuning"]),
            "seeds": list(ready.seeds),
            "budget": {**dataclasses.asdict(ready.budget), "n_steps": ready.n_steps},
            "pool": {"n": len(ready.pool.table), "whole": ready.pool.whole},
            "selections": [{"name": one.name, **one.about} for one in ready.drawn],
            "left_out": dict(sorted(ready.corpus.left_out.items())),
            "eval": {
                "data": list(asked.data),
                "n": len(ready.evaluation.rendered),
                "n_answers": len(ready.evaluation.problems),
                "left_out": dict(sorted(ready.evaluation.left_out.items())),
            },
            **trial_report(ready.arms, measured),
        }
        read = _what_was_read(ready)
        for arm in report["arms"]:
            arm |= read[arm["name"]]
        report["warnings"] = warnings_of(report)
        with atomic_file(run.path / PAGE) as file:
            file.write(trial_page(report).encode())
        return Finding(report, counts={"ok": n})


def _shifted(tell: Progress, done: int, total: int, name: str) -> Progress:
    """Progress of one training within that of all."""
    return lambda step, _of, text: tell(done + step, total, f"{name}: {text}")


def _measured(
    network: PlainNetwork, evaluation: Evaluation, arm: str, seed: int | None
) -> pa.Table:
    """A row a problem; `right` is null where no answer was asked for."""
    losses = losses_of(network, evaluation.rendered)
    if not np.isfinite(losses).all():
        raise InputError(f"the held-out loss after '{arm}' is no number", do="pass a smaller --lr")
    answered = [problem.row_id for problem in evaluation.problems]
    right = dict(zip(answered, evaluation.answers(network), strict=True))
    ids = evaluation.row_ids
    columns = [[arm] * len(ids), [seed] * len(ids), ids, losses.tolist(), [*map(right.get, ids)]]
    return pa.Table.from_arrays(
        [pa.array(c, kind) for c, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
    )


def _read(path: Path, ready: Prepared) -> Measured:
    """The parts as one array an arm: seeds by problems."""
    frame = pq.read_table(path).to_pandas()
    losses, right, untuned = {}, {}, {}
    for arm, rows in frame.groupby("arm", sort=False):
        n_seeds = 1 if arm == UNTUNED else len(ready.seeds)
        by_seed = rows["loss"].to_numpy(dtype=np.float64).reshape(n_seeds, -1)
        answered = rows.loc[rows["right"].notna().to_numpy(), "right"]
        answers = answered.to_numpy(dtype=np.float64).reshape(n_seeds, -1)
        if arm == UNTUNED:
            untuned = {"loss": by_seed, **({"accuracy": answers} if answers.size else {})}
            continue
        losses[str(arm)] = by_seed
        if answers.size:
            right[str(arm)] = answers
    return Measured(losses, right, untuned)


def _what_was_read(ready: Prepared) -> dict[str, dict[str, list[Any]]]:
    """Of each arm and seed: rows, tokens and targets read, and eval rows among them."""
    tested = {(sample.prompt, sample.completion) for sample in ready.evaluation.samples}
    return {
        arm.name: {
            name: list(values)
            for name, values in zip(
                ("n_rows", "tokens", "targets", "rounds", "n_eval_read"),
                zip(*_of_streams(ready, arm, tested), strict=True),
                strict=True,
            )
        }
        for arm in ready.arms
    }


def _of_streams(
    ready: Prepared, arm: Arm, tested: set[tuple[str, str]]
) -> Iterator[tuple[int, int, int, float, int]]:
    for seed in ready.seeds:
        stream = ready.streams[arm.name, seed]
        n_eval = len(tested & ready.corpus.texts(stream.row_ids))
        targets = sum(example.n_targets for example in stream.examples)
        yield stream.n_rows, stream.n_tokens, targets, stream.rounds, n_eval
