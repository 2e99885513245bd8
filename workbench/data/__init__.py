"""Data in and out: any source of rows becomes samples, samples become files again.

from workbench.data import read_samples, to_format, write_jsonl
"""

from workbench.data.answers import Reference, is_right, marked_answer, reference_answer
from workbench.data.batching import batches_by_length, padding_share
from workbench.data.draws import draw, unseen
from workbench.data.equality import checker, same_answer
from workbench.data.formats import FORMATS, to_format
from workbench.data.labels import LABELS, label_number, label_text
from workbench.data.plain import json_bytes, plain
from workbench.data.problems import MAX_STEPS, SETTINGS, Problem, is_held_out, make_problem
from workbench.data.quantities import as_number
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
from workbench.data.rows import row_content, to_sample, to_samples
from workbench.data.shapes import NAMED, SHAPES, TABLE, Shape, detect_shape
from workbench.data.sources import SUFFIXES, fingerprint_sources, resolve_source
from workbench.data.tally import Tally, reading_lines
from workbench.data.turns import REASONING
from workbench.data.usable import read_usable, unreadable
from workbench.data.values import MalformedRow
from workbench.data.writers import Written, atomic_file, write_jsonl, write_parquet

__all__ = [
    "FORMATS",
    "KEY_LENGTH",
    "LABELS",
    "MAX_STEPS",
    "NAMED",
    "N_SHOTS",
    "REASONING",
    "SETTINGS",
    "SHAPES",
    "SUFFIXES",
    "TABLE",
    "Document",
    "MalformedRow",
    "Problem",
    "Reference",
    "Shape",
    "Tally",
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
    "json_bytes",
    "label_number",
    "label_text",
    "make_document",
    "make_problem",
    "marked_answer",
    "padding_share",
    "plain",
    "plain_sentences",
    "read_samples",
    "read_usable",
    "reading_lines",
    "reference_answer",
    "resolve_source",
    "row_content",
    "same_answer",
    "to_format",
    "to_sample",
    "to_samples",
    "unreadable",
    "unseen",
    "write_jsonl",
    "write_parquet",
]
