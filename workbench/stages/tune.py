"""Fine-tuning on an export as a run: a model folder, the loss curve, then `tuning.json`.

    outcome = run_tune(place, source, Path("subset"), TuneOptions(lora=True))
    outcome.run / "model"

Killed at any moment and run again, it goes on from its last checkpoint, and on the CPU the folder
has the same bytes as that of an unbroken run: rows, rates and random numbers follow from the seed.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.config import file_digest
from workbench.errors import InputError
from workbench.models import load_plain, resolve_device, tokenizer_facts
from workbench.runs import Run, RunSpec, open_run, read_manifest
from workbench.stages.request import ModelSource, Outcome, Place, keep_tokens
from workbench.tuning import (
    CHECKPOINT,
    DTYPES,
    FILE,
    Examples,
    Export,
    StepWeights,
    Training,
    TuneOptions,
    make_examples,
    merged,
    model_card,
    model_folder,
    read_export,
    read_steps,
    require_extra,
    save_model,
    summarize_curve,
    train,
    with_lora,
)

RESULT = "tuning.json"
MODEL = "model"
CURVE = "curve"
READS = {"softmax": ("temperature",), "linear": ("temperature",), "top-fraction": ("top",)}
PACKAGES = ("trl", "peft", "accelerate", "datasets")


@dataclass(frozen=True)
class StepsSource:
    """A `steps.parquet` and the weights to take from it."""

    path: Path
    weights: StepWeights = field(default_factory=StepWeights)

    def fingerprint(self) -> dict[str, Any]:
        """The file, whether its own weights count, and the rule that made those that do.

        The rule of the file's own weights is known only if the file lies in the run that made it.
        """
        own = self.weights.rule == FILE
        made_by = _score_settings(self.path.parent) if own else dataclasses.asdict(self.weights)
        rule = made_by.get("weights" if own else "rule")
        reads = READS.get(str(rule), ())
        return {
            "weights": self.weights.rule,
            "rule": {"name": rule, **{name: made_by[name] for name in reads}} if rule else None,
            "steps_sha256": file_digest(self.path),
        }


def _score_settings(folder: Path) -> dict[str, Any]:
    """The configuration of the run in `folder`; empty if there is none."""
    try:
        return read_manifest(folder)["config"]
    except InputError:
        return {}


def run_tune(
    place: Place,
    source: ModelSource,
    export_folder: Path,
    options: TuneOptions,
    *,
    steps: StepsSource | None = None,
    checkpoint_every: int = 50,
    gradient_checkpointing: bool = False,
) -> Outcome:
    """Fine-tune the model of `source` on an export, or answer from a finished run.

    With `steps` the tokens of a step weigh what the step weighs. Where bfloat16 is computed in, the
    weights that are trained stay float32; those that LoRA leaves alone are bfloat16.
    """
    check_source(source)
    export = read_export(export_folder)
    spec = RunSpec(
        "tune-lora" if options.lora else "tune-full",
        config=_config(options),
        inputs={
            "export": export.fingerprint,
            "steps": steps.fingerprint() if steps else None,
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=(steps.path.parent.name,) if steps else (),
        model=source.manifest(),
        details={"export": str(export_folder), "device": str(resolve_device(source.device))},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            require_extra()

            def tell(done: int, total: int, text: str) -> None:
                run.event(done, total, text)
                place.on_progress(done, total, text)

            training = Training(
                checkpoint=run.path / CHECKPOINT,
                digest=spec.digest,
                checkpoint_every=checkpoint_every,
                device=resolve_device(source.device),
                bfloat16=source.dtype == "bfloat16",
                gradient_checkpointing=gradient_checkpointing,
                on_progress=tell,
            )
            _tune(run, source, export, options, training, steps=steps)
            training.checkpoint.unlink(missing_ok=True)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


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
    run: Run,
    source: ModelSource,
    export: Export,
    options: TuneOptions,
    training: Training,
    *,
    steps: StepsSource | None,
) -> None:
    model, tokenizer, examples = prepared(source, export, options, steps=steps)
    keep_tokens(run, tokenizer_facts(tokenizer, source.find()[0]))
    # The trainer aligns these with the tokenizer; the tuned model keeps what its base says.
    configs = copy.deepcopy((model.config, model.generation_config))
    tuned = with_lora(model, options) if options.lora else model
    numbers = [(p.numel(), p.requires_grad) for p in tuned.parameters()]
    curve = train(tuned, tokenizer, examples.rows, options, training, weighted=steps is not None)
    plain = merged(tuned) if options.lora else tuned
    plain.config, plain.generation_config = configs
    summary = {
        "schema": 1,
        "base": _base(source),
        "data": _data(export, examples, steps),
        "options": _config(options),
        "learning_rate": options.learning_rate,
        "dtype": source.dtype,
        "template": "chat" if tokenizer.chat_template else "none",
        "n_parameters": sum(n for n, _ in numbers),
        "n_trained": sum(n for n, is_trained in numbers if is_trained),
        "loss": summarize_curve(curve),
    }
    with model_folder(run.path / MODEL) as folder:
        save_model(plain, tokenizer, folder)
        (folder / "README.md").write_text(model_card(summary), encoding="utf-8")
        files = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    run.write_part(0, pa.Table.from_pylist(curve), series=CURVE)
    run.merge_parts(f"{CURVE}.parquet", n_parts=1, series=CURVE)
    versions = {name: metadata.version(name) for name in PACKAGES}
    result = {**summary, "model": {"folder": MODEL, "files": files}, "versions": versions}
    run.finish_json(RESULT, result, counts=examples.counts)


def prepared(
    source: ModelSource, export: Export, options: TuneOptions, *, steps: StepsSource | None
) -> tuple[Any, Any, Examples]:
    """The plain model, its tokenizer, and the rows as it reads them."""
    step_weights = read_steps(steps.path, steps.weights) if steps else None
    rows = export.rows()
    frozen_bfloat16 = options.lora and source.dtype == "bfloat16"
    # The commit that was looked up, not what a branch may point at by now.
    revision = source.find()[1]
    model, tokenizer = load_plain(
        f"{source.name.partition('@')[0]}@{revision}" if revision else source.name,
        dtype="bfloat16" if frozen_bfloat16 else "float32",
        template=source.template,
    )
    n_ctx = int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 10**9)
    examples = make_examples(
        rows,
        tokenizer,
        n_ctx=min(n_ctx, options.max_length or n_ctx),
        steps=step_weights,
        end_token=options.end_token,
    )
    return model, tokenizer, examples


def _base(source: ModelSource) -> dict[str, Any]:
    """Which model was tuned; one from a folder goes by the folder's name."""
    base = source.manifest()
    return base if base["revision"] else {**base, "id": Path(base["id"]).name}


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
