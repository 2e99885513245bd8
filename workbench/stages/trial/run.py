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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from workbench.amplification import PlainNetwork
from workbench.config import file_digest
from workbench.data import atomic_file, fingerprint_sources
from workbench.models import ModelSource, resolve_device, tokenizer_facts
from workbench.options import SpendOptions, TrialOptions, TuneOptions
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
from workbench.selection import Drawn, read_drawn
from workbench.stages.trial.prepared import Asked, Prepared, loaded, prepared
from workbench.stages.trial.result import (
    CURVES,
    LOSSES,
    TASKS,
    measured,
    measured_by_tasks,
    measured_in,
    what_was_read,
    with_tasks,
)
from workbench.stages.tune import check_source
from workbench.trial import (
    UNTUNED,
    network_of,
    tasks_fingerprint,
    trial_report,
    warnings_of,
)
from workbench.tuning import Training, merged, require_extra, train, with_lora
from workbench.types import Progress

RESULT, PAGE = "report.json", "trial.html"

# What of a tuning's options an arm sets itself.
OWN = ("seed", "epochs", "max_steps", "accumulate")


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
            **options.asked,
            **asked.how.asked,
            "tuning": _settings(tuning),
        },
        inputs={
            "selections": [file_digest(path) for path in asked.selection_paths],
            "scored": [one.chain["score"]["inputs"]["data"] for one in drawn],
            "eval": found,
            "model": source.fingerprint(),
            **({"tasks": tasks_fingerprint(options.task_folder)} if options.tasks else {}),
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


def _checkpoint(number: int) -> str:
    return f"checkpoint-{number:05d}.safetensors"


@dataclass(frozen=True)
class _Trial:
    """One run of a trial: what it works with, all of it known before the data is read."""

    task: Task
    spec: RunSpec
    source: ModelSource
    tuning: TuneOptions
    spend: SpendOptions

    def run(self, drawn: Sequence[Drawn], asked: Asked, options: TrialOptions) -> Finding:
        network = loaded(self.source, self.tuning)
        keep_tokens(self.task.run, tokenizer_facts(network.tokenizer, self.source.find()[0]))
        ready = prepared(network, drawn, asked, options, self.tuning)
        self.task.has_read(ready.read)
        n = len(ready.trainings)
        total = n * (ready.n_steps + 1) + 1
        tell = self.task.progress()
        tell(0, total, "the model before")
        if not self.task.run.has_part(n, series=LOSSES):
            self._measure(n, network, ready, UNTUNED, None)
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
        stream, network = ready.streams[arm.name, seed], loaded(self.source, self.tuning)
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
        on_progress(ready.n_steps, ready.n_steps, "held-out loss" + ", tasks" * bool(ready.tasks))
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
        after = network_of(plain, network.tokenizer)
        self._measure(number, after, ready, arm.name, seed)

    def _measure(
        self, number: int, network: PlainNetwork, ready: Prepared, arm: str, seed: int | None
    ) -> None:
        """Write an arm's parts; that of the losses comes last and says that the arm is done."""
        table = measured(network, ready.evaluation, arm, seed)
        if ready.tasks:
            outcomes = ready.tasks.outcomes(network)
            by_task = measured_by_tasks(outcomes, arm, seed)
            self.task.run.write_part(number, by_task, series=TASKS)
        self.task.run.write_part(number, table, series=LOSSES)

    def _finished(self, ready: Prepared, asked: Asked) -> Finding:
        run, n = self.task.run, len(ready.trainings)
        run.merge_parts(f"{CURVES}.parquet", n_parts=n, series=CURVES)
        run.merge_parts(f"{LOSSES}.parquet", n_parts=n + 1, series=LOSSES)
        found = measured_in(run.path / f"{LOSSES}.parquet", ready)
        if ready.tasks:
            run.merge_parts(f"{TASKS}.parquet", n_parts=n + 1, series=TASKS)
            found = with_tasks(found, run.path / f"{TASKS}.parquet", ready)
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
            **trial_report(ready.arms, found),
        }
        read = what_was_read(ready)
        for arm in report["arms"]:
            arm |= read[arm["name"]]
        report["warnings"] = warnings_of(report)
        with atomic_file(run.path / PAGE) as file:
            file.write(trial_page(report).encode())
        return Finding(report, counts={"ok": n})


def _shifted(tell: Progress, done: int, total: int, name: str) -> Progress:
    """Progress of one training within that of all."""
    return lambda step, _of, text: tell(done + step, total, f"{name}: {text}")
