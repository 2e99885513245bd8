"""Data in and out: any source of rows becomes samples, samples become files again.

from workbench.data import read_samples, to_format, write_jsonl
"""

from workbench.data.answers import (
    Reference,
    as_number,
    checker,
    is_right,
    marked_answer,
    reference_answer,
    same_answer,
)
from workbench.data.batching import batches_by_length, padding_share
from workbench.data.draws import draw, unseen
from workbench.data.formats import FORMATS, to_format
from workbench.data.plain import plain
from workbench.data.problems import MAX_STEPS, SETTINGS, Problem, is_held_out, make_problem
from workbench.data.readers import read_samples
from workbench.data.retrieval import (
    KEY_LENGTH,
    N_SHOTS,
    Document,
    TooShortError,
    fill_document,
    make_document,
    plain_sentences,
)
from workbench.data.shapes import SHAPES, MalformedRow, detect_shape, row_content, to_sample
from workbench.data.sources import fingerprint_sources, resolve_source
from workbench.data.usable import read_usable, unreadable
from workbench.data.writers import Written, atomic_file, write_jsonl, write_parquet

__all__ = [
    "FORMATS",
    "KEY_LENGTH",
    "MAX_STEPS",
    "N_SHOTS",
    "SETTINGS",
    "SHAPES",
    "Document",
    "MalformedRow",
    "Problem",
    "Reference",
    "TooShortError",
    "Written",
    "as_number",
    "atomic_file",
    "batches_by_length",
    "checker",
    "detect_shape",
    "draw",
    "fill_document",
    "fingerprint_sources",
    "is_held_out",
    "is_right",
    "make_document",
    "make_problem",
    "marked_answer",
    "padding_share",
    "plain",
    "plain_sentences",
    "read_samples",
    "read_usable",
    "reference_answer",
    "resolve_source",
    "row_content",
    "same_answer",
    "to_format",
    "to_sample",
    "unreadable",
    "unseen",
    "write_jsonl",
    "write_parquet",
]
