"""Fine-tuning on an export as a run: a model folder, the loss curve, then `tuning.json`.

    outcome = run_tune(place, source, Path("subset"), TuneOptions(lora=True))
    outcome.run / "model"

Killed at any moment and run again, it goes on from its last checkpoint, and on the CPU the folder
has the same bytes as that of an unbroken run: rows, rates and random numbers follow from the seed.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from workbench.config import file_digest
from workbench.data import Tally
from workbench.errors import InputError
from workbench.models import ModelSource, load_plain, resolve_device, tokenizer_facts
from workbench.options import SpendOptions
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
from workbench.stages.calibrate import timed
from workbench.tuning import (
    CHECKPOINT,
    DTYPES,
    Example,
    Examples,
    Export,
    HeldOut,
    StepsSource,
    Training,
    TuneOptions,
    held_out_loss,
    make_examples,
    merged,
    model_card,
    model_folder,
    read_export,
    read_steps,
    require_extra,
    require_report,
    save_model,
    summarize_curve,
    train,
    training_order,
    with_lora,
)

RESULT = "tuning.json"
SPEND = SpendOptions()
MODEL = "model"
CURVE = "curve"
PACKAGES = ("trl", "peft", "accelerate", "datasets")
ADAM_COPIES = 3
"""Values kept for each trained one beside itself: its gradient and two running means."""


def run_tune(
    place: Place,
    source: ModelSource,
    export_folder: Path,
    options: TuneOptions,
    *,
    steps: StepsSource | None = None,
    held_out: HeldOut | None = None,
    spend: SpendOptions = SPEND,
) -> Outcome:
    """Fine-tune the model of `source` on an export, or answer from a finished run.

    With `steps` the tokens of a step weigh what the step weighs. Where bfloat16 is computed in, the
    weights that are trained stay float32; those that LoRA leaves alone are bfloat16. The loss on
    rows that are `held_out` is measured before and after.
    """
    check_source(source)
    export = read_export(export_folder)
    spec = RunSpec(
        "tune-lora" if options.lora else "tune-full",
        config={**_config(options), **(held_out.how.asked if held_out else {})},
        inputs={
            "export": export.fingerprint,
            "steps": steps.fingerprint() if steps else None,
            "model": source.fingerprint(),
            **({"eval": held_out.fingerprint()} if held_out else {}),
        },
        result_name=RESULT,
        parents=(steps.path.parent.name,) if steps else (),
        model=source.manifest(),
        details={"export": str(export_folder), "device": str(resolve_device(source.device))},
    )

    def work(task: Task) -> Finding:
        require_extra()
        require_report(spend.report_to)
        training = Training(
            checkpoint=task.run.path / CHECKPOINT,
            digest=spec.digest,
            checkpoint_every=spend.checkpoint_every,
            device=resolve_device(source.device),
            bfloat16=source.dtype == "bfloat16",
            gradient_checkpointing=spend.gradient_checkpointing,
            report_to=spend.report_to,
            on_progress=task.progress(),
        )
        return _tune(task, source, export, options, training, steps=steps, held_out=held_out)

    return answer(place, spec, work, scratch=(CHECKPOINT,))


def plan_tune(
    source: ModelSource,
    export_folder: Path,
    options: TuneOptions,
    *,
    steps: StepsSource | None = None,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """Rows, optimiser steps, passes, tokens (padding included), seconds and megabytes."""
    check_source(source)
    export = read_export(export_folder)
    require_extra()
    tally, measured = Tally(), Tally()
    model, tokenizer, examples = read_inputs(source, export, options, steps=steps, tally=tally)
    others = _others(held_out, examples, tokenizer, n_ctx_of(model), options, measured)
    n_measured = 2 * -(-len(others.rows) // options.batch_size) if others else 0
    vocab = model.get_input_embeddings().weight.shape[0]
    if options.lora:
        model = with_lora(model, options)
    model.to(resolve_device(source.device))
    order = training_order(len(examples.rows), options)
    widths = [
        max(len(examples.rows[i].ids) for i in order[first : first + options.batch_size])
        for first in range(0, len(order), options.batch_size)
    ]
    n_tokens = options.batch_size * sum(widths)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "samples": len(examples.rows),
        "counts": dict(examples.counts),
        "steps": options.n_steps(len(examples.rows)),
        **({"eval_samples": len(others.rows)} if others else {}),
        "forward_passes": len(widths) + n_measured,
        "backward_passes": len(widths),
        "tokens": n_tokens,
        "trained_parameters": trained,
        "estimated_seconds": round(n_tokens * _seconds_per_token(model, examples.rows, options), 1),
        "weights_mb": round(sum(p.numel() * p.element_size() for p in model.parameters()) / 1e6),
        "training_mb": round(ADAM_COPIES * 4 * trained / 1e6),
        "logits_mb": round(4 * options.batch_size * max(widths) * vocab / 1e6),
        "read": tally.summary(),
        **({"read_eval": measured.summary()} if others else {}),
    }


def _config(options: TuneOptions) -> dict[str, Any]:
    """The options that matter: an adapter's settings count only if there is one."""
    config = {**dataclasses.asdict(options), "lr": options.learning_rate}
    return config if options.lora else {**config, "lora_rank": None, "lora_alpha": None}


def check_source(source: ModelSource) -> None:
    if source.dtype not in DTYPES:
        raise InputError(
            f"the dtype is '{source.dtype}'",
            expected=f"{' or '.join(DTYPES)} (small gradients vanish in float16)",
            do="pass --dtype bfloat16",
        )
    if source.device_map is not None or source.quantize is not None:
        raise InputError(
            "the weights are spread over devices or packed",
            expected="whole weights on one device",
            do="leave out --device-map and --quantize, and pass --lora --dtype bfloat16",
        )
    device = resolve_device(source.device)
    if device.index:
        raise InputError(
            f"the device is '{source.device}'",
            expected="the first one that is visible",
            do=f"set CUDA_VISIBLE_DEVICES={device.index} and pass --device cuda",
        )


def _tune(
    task: Task,
    source: ModelSource,
    export: Export,
    options: TuneOptions,
    training: Training,
    *,
    steps: StepsSource | None,
    held_out: HeldOut | None,
) -> Finding:
    run, tally, measured = task.run, Tally(), Tally()
    model, tokenizer, examples = read_inputs(source, export, options, steps=steps, tally=tally)
    others = _others(held_out, examples, tokenizer, n_ctx_of(model), options, measured)
    task.has_read(tally.summary())
    if others:
        task.has_read(measured.summary(), name="read_eval")
    keep_tokens(run, tokenizer_facts(tokenizer, source.find()[0]))
    # The trainer aligns these with the tokenizer; the tuned model keeps what its base says.
    configs = copy.deepcopy((model.config, model.generation_config))
    how = {"batch_size": options.batch_size, "pad_id": tokenizer.pad_token_id or 0}
    losses = {}
    if others:
        losses["before"] = held_out_loss(model.to(training.device), others.rows, **how)
    tuned = with_lora(model, options) if options.lora else model
    numbers = [(p.numel(), p.requires_grad) for p in tuned.parameters()]
    curve = train(tuned, tokenizer, examples.rows, options, training, weighted=steps is not None)
    plain = merged(tuned) if options.lora else tuned
    plain.config, plain.generation_config = configs
    if others:
        losses["after"] = held_out_loss(plain, others.rows, **how)
    summary = {
        "schema": 1,
        "base": without_place(source.manifest()),
        "data": _data(export, examples, steps),
        "options": _config(options),
        "learning_rate": options.learning_rate,
        "dtype": source.dtype,
        "template": "chat" if tokenizer.chat_template else "none",
        "n_parameters": sum(n for n, _ in numbers),
        "n_trained": sum(n for n, is_trained in numbers if is_trained),
        "loss": summarize_curve(curve),
        **({"eval": held_out.summary(others, losses)} if held_out and others else {}),
    }
    with model_folder(run.path / MODEL) as folder:
        save_model(plain, tokenizer, folder)
        (folder / "README.md").write_text(model_card(summary), encoding="utf-8")
        files = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    run.write_part(0, pa.Table.from_pylist(curve), series=CURVE)
    run.merge_parts(f"{CURVE}.parquet", n_parts=1, series=CURVE)
    versions = {name: metadata.version(name) for name in PACKAGES}
    result = {**summary, "model": {"folder": MODEL, "files": files}, "versions": versions}
    return Finding(result, examples.counts)


def _others(
    held_out: HeldOut | None,
    trained: Examples,
    tokenizer: Any,
    n_ctx: int,
    options: TuneOptions,
    tally: Tally,
) -> Examples | None:
    """The rows that are measured on, their targets those of the training."""
    if held_out is None:
        return None
    return held_out.examples(trained, tokenizer, n_ctx, end_token=options.end_token, tally=tally)


def read_inputs(
    source: ModelSource,
    export: Export,
    options: TuneOptions,
    *,
    steps: StepsSource | None,
    tally: Tally,
) -> tuple[Any, Any, Examples]:
    """The plain model, its tokenizer, and the rows as it reads them."""
    step_weights = read_steps(steps.path, steps.weights) if steps else None
    rows = export.rows(tally)
    frozen_bfloat16 = options.lora and source.dtype == "bfloat16"
    model, tokenizer = load_plain(
        source.pinned,
        dtype="bfloat16" if frozen_bfloat16 else "float32",
        template=source.template,
        trust_remote_code=source.trust_remote_code,
    )
    n_ctx = n_ctx_of(model)
    examples = make_examples(
        rows,
        tokenizer,
        n_ctx=min(n_ctx, options.max_length or n_ctx),
        steps=step_weights,
        end_token=options.end_token,
    )
    return model, tokenizer, examples


def n_ctx_of(model: Any) -> int:
    """Tokens that the model has positions for."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 10**9)


def _data(export: Export, examples: Examples, steps: StepsSource | None) -> dict[str, Any]:
    names = ("method", "variant", "policy", "adjust", "budget", "seed")
    return {
        "name": export.name,
        **export.fingerprint,
        "counts": dict(examples.counts),
        "reasons": dict(examples.reasons),
        "n_targets": sum(example.n_targets for example in examples.rows),
        "weights": "plain",
        **(steps.fingerprint() if steps else {}),
        "n_without_steps": examples.n_without_steps,
        "selection": {name: export.record.get(name) for name in names},
    }


def _seconds_per_token(model: Any, rows: Sequence[Example], options: TuneOptions) -> float:
    """Time of one forward and backward pass at the median length, after one to warm up."""
    width = sorted(len(row.ids) for row in rows)[len(rows) // 2]
    ids = torch.zeros((options.batch_size, width), dtype=torch.long, device=model.device)

    def step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        model.zero_grad()

    step()
    return timed(step) / ids.numel()
