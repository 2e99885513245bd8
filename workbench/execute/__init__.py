"""Stages as runs: each asks one question, writes one directory, and is never answered twice."""

from workbench.execute.explain_validate import explain_validate
from workbench.execute.heads import HeadsOptions, read_importance, run_heads
from workbench.execute.probe import ProbeOptions, read_probe, run_probe
from workbench.execute.request import ModelSource, Outcome, Place, read_usable
from workbench.execute.retrieval import run_retrieval
from workbench.execute.score import run_score
from workbench.execute.select import (
    SelectOptions,
    explain_export,
    explain_select,
    read_scores,
    run_export,
    run_select,
)
from workbench.execute.tune import StepsSource, run_tune
from workbench.execute.validate import ValidateOptions, run_validate

__all__ = [
    "HeadsOptions",
    "ModelSource",
    "Outcome",
    "Place",
    "ProbeOptions",
    "SelectOptions",
    "StepsSource",
    "ValidateOptions",
    "explain_export",
    "explain_select",
    "explain_validate",
    "read_importance",
    "read_probe",
    "read_scores",
    "read_usable",
    "run_export",
    "run_heads",
    "run_probe",
    "run_retrieval",
    "run_score",
    "run_select",
    "run_tune",
    "run_validate",
]
