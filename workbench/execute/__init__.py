"""Stages as runs: each asks one question, writes one directory, and is never answered twice."""

from workbench.execute.amplify import LocalizeOptions, run_localize, run_mask
from workbench.execute.amplify_explain import (
    explain_localize,
    explain_mask,
    explain_report,
    explain_update,
)
from workbench.execute.amplify_measure import ReportOptions
from workbench.execute.amplify_report import run_report
from workbench.execute.amplify_update import run_update
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
    "LocalizeOptions",
    "ModelSource",
    "Outcome",
    "Place",
    "ProbeOptions",
    "ReportOptions",
    "SelectOptions",
    "StepsSource",
    "ValidateOptions",
    "explain_export",
    "explain_localize",
    "explain_mask",
    "explain_report",
    "explain_select",
    "explain_update",
    "explain_validate",
    "read_importance",
    "read_probe",
    "read_scores",
    "read_usable",
    "run_export",
    "run_heads",
    "run_localize",
    "run_mask",
    "run_probe",
    "run_report",
    "run_retrieval",
    "run_score",
    "run_select",
    "run_tune",
    "run_update",
    "run_validate",
]
