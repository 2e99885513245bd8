"""Training itself: TRL's SFTTrainer, fed with the workbench's own tokens, targets and weights.

The trainer is given an order of rows, an optimiser and a schedule that follow from the seed alone,
and writes nothing: state goes to one safetensors file, so that no pickle is ever made or read.

    training = Training(Path("training.safetensors"), digest="1a2b3c4d")
    train(network, tokenizer, examples, options, training, weighted=True)
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.errors import InputError, WorkbenchError
from workbench.options import TuneOptions
from workbench.tuning.batches import Collator, as_dataset
from workbench.tuning.checkpoint import (
    Resumed,
    load_checkpoint,
    restore,
    restore_random,
    save_checkpoint,
    trained,
)
from workbench.tuning.curve import Curve
from workbench.tuning.examples import Example
from workbench.tuning.extra import quiet
from workbench.tuning.loss import weighted_loss
from workbench.tuning.plan import learning_rate_factor, training_batches
from workbench.types import Progress, no_progress


@dataclass(frozen=True)
class Training:
    """How a training is carried out; but for `batches` nothing here changes what comes out of it.

    `checkpoint` is the file that keeps the state, written every `checkpoint_every` steps; `digest`
    says whose state it is. `batches` are the rows of each pass, where they are not to follow from
    the options (`training_batches`).
    """

    checkpoint: Path
    digest: str
    checkpoint_every: int = 50
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bfloat16: bool = False
    gradient_checkpointing: bool = False
    report_to: str = "none"
    on_progress: Progress = no_progress
    batches: Sequence[Sequence[int]] | None = None

    def passes(self, n_rows: int, options: TuneOptions) -> Sequence[Sequence[int]]:
        """The rows of each pass of the whole training."""
        return training_batches(n_rows, options) if self.batches is None else self.batches

    def n_steps(self, n_rows: int, options: TuneOptions) -> int:
        return len(self.passes(n_rows, options)) // options.accumulate


def train(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    options: TuneOptions,
    training: Training,
    *,
    weighted: bool,
) -> Curve:
    """Train `model` in place, from the checkpoint on if there is one; returns the loss curve.

    `model` may be a PEFT model. Without `weighted` the loss is TRL's own. The gradient's norm is
    taken before clipping. Raises WorkbenchError when the loss is no number any more.
    """
    n_steps = training.n_steps(len(examples), options)
    resumed = load_checkpoint(training.checkpoint, digest=training.digest)
    done = resumed.done if resumed else 0
    with quiet(), _boards_beside(training.checkpoint), tempfile.TemporaryDirectory() as unused:
        trainer = build_trainer(
            model,
            tokenizer,
            examples,
            options,
            training,
            weighted=weighted,
            first_step=done,
            folder=unused,
        )
        record = _recorder(training, resumed, n_steps)
        trainer.add_callback(record)
        training.on_progress(done, n_steps, "training")
        trainer.train()
    return record.curve


def build_trainer(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    options: TuneOptions,
    training: Training,
    *,
    weighted: bool,
    folder: str,
    first_step: int = 0,
) -> Any:
    """The trainer of the steps from `first_step` on; it wants a `folder` and leaves it empty."""
    from transformers import PrinterCallback

    config: Any = import_module("trl").SFTConfig

    n_steps = training.n_steps(len(examples), options)
    passes = training.passes(len(examples), options)
    arguments = config(
        output_dir=folder,
        max_steps=n_steps - first_step,
        per_device_train_batch_size=options.batch_size,
        gradient_accumulation_steps=options.accumulate,
        learning_rate=options.learning_rate,
        max_grad_norm=options.max_grad_norm,
        seed=options.seed,
        bf16=training.bfloat16,
        use_cpu=training.device.type == "cpu",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=training.report_to,
        run_name=training.checkpoint.parent.name,
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        **_recomputing(config, wanted=training.gradient_checkpointing),
    )
    if arguments.n_gpu > 1:
        raise InputError(
            f"{arguments.n_gpu} GPUs are visible", expected="one", do="set CUDA_VISIBLE_DEVICES=0"
        )
    optimizer, schedule = _optimizer(model.to(arguments.device), options, n_steps, first_step)
    trainer = _trainer_class()(
        model=model,
        args=arguments,
        train_dataset=as_dataset(examples, weighted=weighted),
        data_collator=Collator(tokenizer.pad_token_id or 0),
        processing_class=tokenizer,
        optimizers=(optimizer, schedule),
    )
    trainer.passes = passes[first_step * options.accumulate :]
    trainer.remove_callback(PrinterCallback)
    return trainer


def _recomputing(config: type, *, wanted: bool) -> dict[str, Any]:
    """Whether activations are computed twice to save memory, under the name this release knows."""
    names = {field.name for field in dataclasses.fields(config)}
    new, old = "activation_checkpointing", "gradient_checkpointing"
    return {new if new in names else old: wanted}


def _optimizer(
    model: Any, options: TuneOptions, n_steps: int, first_step: int
) -> tuple[torch.optim.Optimizer, Any]:
    """AdamW, which lets matrices decay and nothing else, and the schedule from `first_step` on."""
    parameters = [parameter for _, parameter in trained(model)]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=options.learning_rate)

    def factor(step: int) -> float:
        return learning_rate_factor(first_step + step, n_steps=n_steps, options=options)

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _trainer_class() -> type:
    """TRL's trainer with token weights; made here because importing TRL takes seconds."""
    from torch.utils.data import DataLoader

    trainer: Any = import_module("trl").SFTTrainer

    class WeightedTrainer(trainer):
        """Without weights exactly TRL's loss; with them `weighted_loss`. Rows come in `passes`."""

        passes: Sequence[Sequence[int]] = ()

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Tensor],
            return_outputs: bool = False,
            num_items_in_batch: Tensor | int | None = None,
        ) -> Any:
            if "weights" not in inputs:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            inputs = dict(inputs)
            labels, weights = inputs.pop("labels"), inputs.pop("weights")
            outputs = model(**inputs, use_cache=False)
            loss = weighted_loss(outputs.logits, labels, weights, n_targets=num_items_in_batch)
            return (loss, outputs) if return_outputs else loss

        def get_train_dataloader(self) -> DataLoader:
            how = {"batch_sampler": self.passes, "collate_fn": self.data_collator}
            return DataLoader(self.train_dataset, **how)

        def _send_telemetry(self) -> None:
            """TRL would tell its makers about every training; the workbench does not."""

    return WeightedTrainer


def _recorder(training: Training, resumed: Resumed | None, n_steps: int) -> Any:
    """Callback that restores the state, keeps the curve, tells progress and saves the state."""
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def __init__(self) -> None:
            self.curve = list(resumed.curve) if resumed else []
            self.waiting = resumed

        def on_train_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
            if self.waiting:
                restore(parts["model"], _inner(parts["optimizer"]), self.waiting)

        def on_step_begin(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
            # Not earlier: making the iterator over the rows has drawn a number.
            if self.waiting:
                restore_random(self.waiting)
                self.waiting = None

        def on_log(self, args: Any, state: Any, control: Any, **parts: Any) -> None:
            logs = parts["logs"]
            if "loss" not in logs:
                return
            done = len(self.curve) + 1
            names = ("loss", "learning_rate", "grad_norm")
            self.curve.append({"step": done, **{name: float(logs[name]) for name in names}})
            if not math.isfinite(logs["loss"]) or not math.isfinite(logs["grad_norm"]):
                raise WorkbenchError(
                    f"the loss is {logs['loss']:g} in step {done} (gradient norm "
                    f"{logs['grad_norm']:g}), pass a smaller --lr or --dtype float32"
                )
            if done % training.checkpoint_every == 0 and done < n_steps:
                save_checkpoint(
                    training.checkpoint,
                    parts["model"],
                    _inner(parts["optimizer"]),
                    done=done,
                    curve=self.curve,
                    digest=training.digest,
                )
            training.on_progress(done, n_steps, f"step {done}, loss {logs['loss']:.4f}")

    return Recorder()


def _inner(optimizer: Any) -> torch.optim.Optimizer:
    """The optimiser inside the wrapping that accelerate gives it."""
    return getattr(optimizer, "optimizer", optimizer)


@contextlib.contextmanager
def _boards_beside(checkpoint: Path) -> Iterator[None]:
    """TensorBoard's files go into the run, unless the environment names a place: transformers puts
    them into the trainer's own folder, which is thrown away."""
    name = "TENSORBOARD_LOGGING_DIR"
    is_named = name in os.environ
    os.environ.setdefault(name, str(checkpoint.with_name("tensorboard")))
    try:
        yield
    finally:
        if not is_named:
            del os.environ[name]
