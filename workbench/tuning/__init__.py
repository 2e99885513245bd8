"""Fine-tuning on an export, plain or weighed by reasoning steps (docs/methods.md, Tuning).

from workbench.tuning import TuneOptions, make_examples, read_export, train
"""

from workbench.options import StepWeights, TuneOptions
from workbench.options.tune import DTYPES, FILE, RULES, SCHEDULES
from workbench.tuning.adapter import merged, with_lora
from workbench.tuning.card import model_card, weights_in_words
from workbench.tuning.checkpoint import CHECKPOINT
from workbench.tuning.curve import summarize_curve
from workbench.tuning.evaluation import HeldOut, held_out_loss
from workbench.tuning.examples import (
    Example,
    Examples,
    LeftOutError,
    make_example,
    make_examples,
)
from workbench.tuning.export import Export, read_export
from workbench.tuning.extra import quiet, require_extra, require_report
from workbench.tuning.folder import model_folder, save_model
from workbench.tuning.loss import weighted_loss
from workbench.tuning.plan import row_order, training_order
from workbench.tuning.steps_source import StepsSource
from workbench.tuning.trainer import Training, train
from workbench.tuning.weights import Steps, read_steps, token_weights

__all__ = [
    "CHECKPOINT",
    "DTYPES",
    "FILE",
    "RULES",
    "SCHEDULES",
    "Example",
    "Examples",
    "Export",
    "HeldOut",
    "LeftOutError",
    "StepWeights",
    "Steps",
    "StepsSource",
    "Training",
    "TuneOptions",
    "held_out_loss",
    "make_example",
    "make_examples",
    "merged",
    "model_card",
    "model_folder",
    "quiet",
    "read_export",
    "read_steps",
    "require_extra",
    "require_report",
    "row_order",
    "save_model",
    "summarize_curve",
    "token_weights",
    "train",
    "training_order",
    "weighted_loss",
    "weights_in_words",
    "with_lora",
]
