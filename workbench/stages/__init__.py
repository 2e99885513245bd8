"""Stages as runs: each asks one question, writes one directory, and is never answered twice."""

from workbench.models import ModelSource
from workbench.options import (
    HeadsOptions,
    LocalizeOptions,
    ProbeOptions,
    ReportOptions,
    RetrievalOptions,
    RobustOptions,
    SelectOptions,
    SettingsOptions,
    ValidateOptions,
)
from workbench.runs import Outcome, Place
from workbench.selection import read_scores
from workbench.stages.amplify.localize import plan_localize, run_localize
from workbench.stages.amplify.mask import plan_mask, run_mask
from workbench.stages.amplify.report import plan_report, run_report
from workbench.stages.amplify.update import plan_update, run_update
from workbench.stages.engine import EngineOpening, engine_of, open_engines
from workbench.stages.export import plan_export, run_export
from workbench.stages.heads import (
    plan_heads,
    plan_robust,
    plan_settings,
    read_contributions,
    read_importance,
    read_raced,
    run_chosen,
    run_heads,
    run_robust,
    run_settings,
    seen_rows,
)
from workbench.stages.probe import plan_probe, read_probe, run_probe
from workbench.stages.retrieve import plan_retrieval, run_retrieval
from workbench.stages.score import plan_score, run_score
from workbench.stages.select import plan_select, run_select
from workbench.stages.trial import Asked, plan_trial, run_trial
from workbench.stages.tune import plan_tune, run_tune
from workbench.stages.validate import plan_validate, run_validate

__all__ = [
    "Asked",
    "EngineOpening",
    "HeadsOptions",
    "LocalizeOptions",
    "ModelSource",
    "Outcome",
    "Place",
    "ProbeOptions",
    "ReportOptions",
    "RetrievalOptions",
    "RobustOptions",
    "SelectOptions",
    "SettingsOptions",
    "ValidateOptions",
    "engine_of",
    "open_engines",
    "plan_export",
    "plan_heads",
    "plan_localize",
    "plan_mask",
    "plan_probe",
    "plan_report",
    "plan_retrieval",
    "plan_robust",
    "plan_score",
    "plan_select",
    "plan_settings",
    "plan_trial",
    "plan_tune",
    "plan_update",
    "plan_validate",
    "read_contributions",
    "read_importance",
    "read_probe",
    "read_raced",
    "read_scores",
    "run_chosen",
    "run_export",
    "run_heads",
    "run_localize",
    "run_mask",
    "run_probe",
    "run_report",
    "run_retrieval",
    "run_robust",
    "run_score",
    "run_select",
    "run_settings",
    "run_trial",
    "run_tune",
    "run_update",
    "run_validate",
    "seen_rows",
]
