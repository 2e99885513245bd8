"""Fine-tuning on an export, plain or weighed by reasoning steps (docs/methods.md, Tuning).

from workbench.tuning import TuneOptions, make_examples, read_export, train
"""

from workbench.tuning.adapter import merged, with_lora
from workbench.tuning.card import model_card, weights_in_words
from workbench.tuning.checkpoint import CHECKPOINT
from workbench.tuning.curve import summarize_curve
from workbench.tuning.examples import Example, Examples, make_examples
from workbench.tuning.export import Export, read_export
from workbench.tuning.folder import model_folder, save_model
from workbench.tuning.loss import weighted_loss
from workbench.tuning.options import DTYPES, SCHEDULES, TuneOptions
from workbench.tuning.trainer import Training, require_extra, train
from workbench.tuning.weights import FILE, RULES, Steps, StepWeights, read_steps, token_weights

__all__ = [
    "CHECKPOINT",
    "DTYPES",
    "FILE",
    "RULES",
    "SCHEDULES",
    "Example",
    "Examples",
    "Export",
    "StepWeights",
    "Steps",
    "Training",
    "TuneOptions",
    "make_examples",
    "merged",
    "model_card",
    "model_folder",
    "read_export",
    "read_steps",
    "require_extra",
    "save_model",
    "summarize_curve",
    "token_weights",
    "train",
    "weighted_loss",
    "weights_in_words",
    "with_lora",
]
