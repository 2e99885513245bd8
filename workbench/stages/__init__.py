"""Stages as runs: each asks one question, writes one directory, and is never answered twice."""

from workbench.stages.amplify.explain import (
    explain_localize,
    explain_mask,
    explain_report,
    explain_update,
)
from workbench.stages.amplify.localize import LocalizeOptions, run_localize, run_mask
from workbench.stages.amplify.measure import ReportOptions
from workbench.stages.amplify.report import run_report
from workbench.stages.amplify.update import run_update
from workbench.stages.explain_validate import explain_validate
from workbench.stages.heads import HeadsOptions, read_importance, run_heads
from workbench.stages.probe import ProbeOptions, read_probe, run_probe
from workbench.stages.request import ModelSource, Outcome, Place, read_usable
from workbench.stages.retrieve import run_retrieval
from workbench.stages.score import plan_score, run_score
from workbench.stages.select import (
    SelectOptions,
    explain_export,
    explain_select,
    read_scores,
    run_export,
    run_select,
)
from workbench.stages.tune import StepsSource, run_tune
from workbench.stages.validate import ValidateOptions, run_validate

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
    "plan_score",
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
