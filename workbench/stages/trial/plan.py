"""What a trial would cost: the same arms, steps and rows as the run's, and one step timed.

asked = Asked(selection_paths=[path], data=["gsm8k"])
plan_trial(source, asked, TrialOptions(seeds=1, eval_n=4), TuneOptions(lora=True), runs=place.runs)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.amplification import PlainNetwork
from workbench.models import ModelSource
from workbench.options import TrialOptions, TuneOptions
from workbench.selection import read_drawn
from workbench.stages.calibrate import seconds_a_new_token, timed
from workbench.stages.trial.prepared import Asked, loaded, prepared
from workbench.stages.tune import check_source
from workbench.tuning import require_extra, with_lora


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
    network = loaded(source, tuning)
    ready = prepared(network, drawn, asked, options, tuning)
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
        "read": dict(ready.read),
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
        "estimated_seconds": round(sum(seconds.values()), 3),
        "seconds_by_part": {name: round(value, 1) for name, value in seconds.items()},
        **({"not_estimated": f"the tasks {', '.join(options.tasks)}"} if options.tasks else {}),
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
