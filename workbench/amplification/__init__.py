"""Constructive Circuit Amplification (arXiv 2512.16914; docs/methods.md, Amplification).

Pivotal tokens, a mask over the components that decide them, an update of those components' rows
alone, and what it did.

    from workbench.amplification import find_pivots, learn_mask, run_steps
"""

from workbench.amplification.card import model_card
from workbench.amplification.checkpoint import CHECKPOINT
from workbench.amplification.components import (
    KINDS,
    Components,
    ModelShape,
    components,
    every_component,
    random_components,
)
from workbench.amplification.learning import learn_mask
from workbench.amplification.mask import Example, FoundMask, has_normalised_queries
from workbench.amplification.mask_file import (
    NORMALISED_WARNING,
    mask_summary,
    read_mask,
    read_mask_file,
)
from workbench.amplification.measures import calculations, retrieval, text_loss
from workbench.amplification.network import BATCH_TOKENS, PlainNetwork, last_logits, plain_network
from workbench.amplification.patch import copy_checkpoint, stored_names, stored_weights, write_rows
from workbench.amplification.pivots import (
    OK,
    REASONS,
    PivotOptions,
    find_pivots,
)
from workbench.amplification.pivots_file import (
    pivots_summary,
    pivots_table,
    read_examples,
    read_pivots,
)
from workbench.amplification.problems import Problem, allowed_length, answers_of, problems_of
from workbench.amplification.report import amplification_report, read_report
from workbench.amplification.rows import Layout, Rows, network_shape, read_layout
from workbench.amplification.splits import (
    LOCALIZE,
    TEST,
    VALIDATE,
    Where,
    draw_rows,
    label_of,
    outside,
    parse_where,
    part_of,
)
from workbench.amplification.trainable import LoraMasters, RowMasters, adapted_names
from workbench.amplification.update import History, Point, prefix_gradient, run_steps
from workbench.options import MaskOptions, UpdateOptions
from workbench.options.amplify import CONTROLS, LORA_LR, RULES, VARIANTS

__all__ = [
    "BATCH_TOKENS",
    "CHECKPOINT",
    "CONTROLS",
    "KINDS",
    "LOCALIZE",
    "LORA_LR",
    "NORMALISED_WARNING",
    "OK",
    "REASONS",
    "RULES",
    "TEST",
    "VALIDATE",
    "VARIANTS",
    "Components",
    "Example",
    "FoundMask",
    "History",
    "Layout",
    "LoraMasters",
    "MaskOptions",
    "ModelShape",
    "PivotOptions",
    "PlainNetwork",
    "Point",
    "Problem",
    "RowMasters",
    "Rows",
    "UpdateOptions",
    "Where",
    "adapted_names",
    "allowed_length",
    "amplification_report",
    "answers_of",
    "calculations",
    "components",
    "copy_checkpoint",
    "draw_rows",
    "every_component",
    "find_pivots",
    "has_normalised_queries",
    "label_of",
    "last_logits",
    "learn_mask",
    "mask_summary",
    "model_card",
    "network_shape",
    "outside",
    "parse_where",
    "part_of",
    "pivots_summary",
    "pivots_table",
    "plain_network",
    "prefix_gradient",
    "problems_of",
    "random_components",
    "read_examples",
    "read_layout",
    "read_mask",
    "read_mask_file",
    "read_pivots",
    "read_report",
    "retrieval",
    "run_steps",
    "stored_names",
    "stored_weights",
    "text_loss",
    "write_rows",
]
