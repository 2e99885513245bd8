"""Data in and out: any source of rows becomes samples, samples become files again.

from workbench.data import read_samples, to_format, write_jsonl
"""

from workbench.data.batching import batches_by_length, padding_share
from workbench.data.formats import FORMATS, to_format
from workbench.data.plain import plain
from workbench.data.problems import MAX_STEPS, Problem, is_held_out, make_problem
from workbench.data.readers import read_samples
from workbench.data.retrieval import Document, make_document
from workbench.data.shapes import SHAPES, MalformedRow, detect_shape, to_sample
from workbench.data.sources import fingerprint_sources, resolve_source
from workbench.data.writers import Written, atomic_file, write_jsonl, write_parquet

__all__ = [
    "FORMATS",
    "MAX_STEPS",
    "SHAPES",
    "Document",
    "MalformedRow",
    "Problem",
    "Written",
    "atomic_file",
    "batches_by_length",
    "detect_shape",
    "fingerprint_sources",
    "is_held_out",
    "make_document",
    "make_problem",
    "padding_share",
    "plain",
    "read_samples",
    "resolve_source",
    "to_format",
    "to_sample",
    "write_jsonl",
    "write_parquet",
]
