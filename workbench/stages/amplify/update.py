"""The targeted update as a run: a model folder in which some rows differ, then `update.json`.

outcome = run_update(place, source, mask.result, UpdateOptions(steps=1, validation_n=2))
outcome.run / "model"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.amplification import (
    BATCH_TOKENS,
    CHECKPOINT,
    VALIDATE,
    Example,
    History,
    PlainNetwork,
    Problem,
    UpdateOptions,
    answers_of,
    copy_checkpoint,
    model_card,
    prefix_gradient,
    read_examples,
    read_mask,
    run_steps,
    write_rows,
)
from workbench.config import file_digest
from workbench.data import Tally, fingerprint_sources
from workbench.models import ModelSource
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
    check_model_of,
    data_details,
    data_of,
    network_of,
    parent_of,
    read_parent,
    require_peft,
    task_rows,
    where_of,
)
from workbench.stages.amplify.cost import Plan, decoding_cost, memory_cost, second_time
from workbench.stages.amplify.target import changed_share, target_of
from workbench.tuning import model_folder

RESULT, MODEL = "update.json", "model"


@dataclass(frozen=True)
class Behind:
    """The runs that an update goes back to: its mask, and the pivots the mask was learnt on."""

    mask: Path
    pivots: Path
    localized: Mapping[str, Any]
    data: TaskData

    @property
    def max_new_tokens(self) -> int:
        return int(self.localized["max_new_tokens"])


def runs_behind(mask_path: Path, source: ModelSource) -> Behind:
    """Those of the mask at `mask_path`; InputError unless they are of this model."""
    pivots = parent_of(mask_path, PIVOTS)
    localized = read_parent(pivots.with_name(LOCALIZED))
    check_model_of(localized, source)
    return Behind(mask_path, pivots, localized, data_of(mask_path))


def run_update(
    place: Place,
    source: ModelSource,
    mask_path: Path,
    options: UpdateOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Outcome:
    """Update the kept components of a mask run, or one of its controls (`options.variant`).

    `batch_tokens` cached tokens are held at once while decoding: memory, not results.
    """
    if options.variant == "lora":
        require_peft()
    behind = runs_behind(mask_path, source)
    spec = RunSpec(
        f"amplify-update-{options.variant}",
        config=_config(options) | behind.data.how.asked,
        inputs={
            "data": fingerprint_sources(behind.data.names),
            "mask": file_digest(mask_path),
            "pivots": file_digest(behind.pivots),
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=(mask_path.parent.name, behind.pivots.parent.name),
        model=source.manifest(),
        details=data_details(behind.data),
    )

    def work(task: Task) -> Finding:
        return _update(task, source, behind, options, batch_tokens=batch_tokens)

    return answer(place, spec, work, scratch=(CHECKPOINT,))


def plan_update(
    source: ModelSource,
    mask_path: Path,
    options: UpdateOptions,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> Plan:
    """The steps over whole prefixes, and the validation problems decoded at every look."""
    behind = runs_behind(mask_path, source)
    network, examples = network_of(source), read_examples(behind.pivots)
    tally = Tally()
    problems = _problems(network, behind, options, tally)
    n_steps = options.steps * len(options.sizes)
    n_looks = 1 + len(options.sizes) * -(-options.steps // options.every)
    passes, seconds = decoding_cost(network, problems, behind.max_new_tokens, batch_tokens)
    steps = n_steps * _step_seconds(network, examples[: options.batch_size])
    return {
        "samples": len(problems),
        "steps": n_steps,
        "forward_passes": n_steps + n_looks * passes,
        "backward_passes": n_steps,
        "estimated_seconds": round(steps + n_looks * seconds, 1),
        "seconds_by_part": {"steps": round(steps, 1), "validation": round(n_looks * seconds, 1)},
        "read": tally.summary(),
        **memory_cost(network, batch_tokens),
    }


def _config(options: UpdateOptions) -> dict[str, Any]:
    """The options that matter to the variant."""
    config = dataclasses.asdict(options)
    unread = ("lrs",) if options.variant == "lora" else ("lora_rank", "lora_alpha", "lora_lrs")
    return {name: value for name, value in config.items() if name not in unread}


def _problems(
    network: PlainNetwork, behind: Behind, options: UpdateOptions, tally: Tally
) -> list[Problem]:
    """The problems of the validation part that every look decodes."""
    where, n, seed = where_of(behind.localized), options.validation_n, options.seed
    rows = task_rows(behind.data, VALIDATE, n=n, seed=seed, where=where, tally=tally)
    return answerable_problems(network, rows, label=behind.localized["label"])


def _update(
    task: Task,
    source: ModelSource,
    behind: Behind,
    options: UpdateOptions,
    *,
    batch_tokens: int,
) -> Finding:
    kept, shape = read_mask(behind.mask)
    examples = read_examples(behind.pivots)
    network, folder = network_of(source), source.find()[0]
    keep_tokens(task.run, network.facts)
    tally = Tally()
    problems = _problems(network, behind, options, tally)
    task.has_read(tally.summary())
    n_all = sum(p.numel() for p in network.wrapped.parameters())
    target = target_of(network, folder, kept, shape, options)

    def accuracy() -> float:
        right = answers_of(
            network, problems, max_new_tokens=behind.max_new_tokens, batch_tokens=batch_tokens
        )[1]
        return sum(right) / len(right)

    history = run_steps(
        network,
        target.trainable,
        examples,
        options,
        accuracy=accuracy,
        checkpoint=task.run.path / CHECKPOINT,
        on_progress=task.progress(),
    )
    summary = {
        "schema": 1,
        "model": source.manifest(),
        "base": without_place(source.manifest()),
        "options": _config(options),
        "variant": options.variant,
        "seed": options.seed,
        "mask": behind.mask.parent.name,
        "n_examples": len(examples),
        **changed_share(target, shape, n_all),
        **_history(history, problems, behind.localized),
    }
    with model_folder(task.run.path / MODEL) as written:
        copy_checkpoint(folder, written)
        if history.state is not None:
            write_rows(written, target.changes(history.state))
        (written / "README.md").write_text(model_card(summary), encoding="utf-8")
        files = {path.name: file_digest(path) for path in sorted(written.iterdir())}
    summary["written"] = {"folder": MODEL, "files": files}
    return Finding(summary, counts={"ok": len(examples)})


def _history(
    history: History, problems: Sequence[Problem], localized: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "history": [dataclasses.asdict(point) for point in history.points],
        "best": dataclasses.asdict(history.best),
        "validation": {
            "n": len(problems),
            "where": localized["where"],
            "before": history.points[0].accuracy,
            "after": history.best.accuracy,
        },
    }


def _step_seconds(network: PlainNetwork, examples: Sequence[Example]) -> float:
    """A pass over whole prefixes and back, with all weights asking for a gradient."""
    weights = network.wrapped.requires_grad_(True)
    seconds = second_time(lambda: prefix_gradient(network, examples))
    weights.zero_grad()
    weights.requires_grad_(False)
    return seconds
