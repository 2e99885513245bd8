"""Options as records: what a stage is asked, said once for Python, the command line and the forms.

Importing them loads nothing heavy.

    from workbench.options import HeadsOptions, records
"""

from workbench.options.amplify import (
    DecodingOptions,
    LocalizeOptions,
    MaskOptions,
    ReportOptions,
    UpdateOptions,
)
from workbench.options.heads import (
    HeadsOptions,
    RaceOptions,
    RetrievalOptions,
    RobustOptions,
    SettingsOptions,
)
from workbench.options.loading import BatchOptions, LoadOptions
from workbench.options.probe import ProbeOptions
from workbench.options.reading import (
    CONTROL,
    RECOGNISED,
    ReadOptions,
    control_how,
    control_records,
)
from workbench.options.record import OptionRecord, check_options, option, records
from workbench.options.select import CombineOptions, ExportOptions, PushOptions, SelectOptions
from workbench.options.trial import TrialOptions
from workbench.options.tune import SpendOptions, StepWeights, TuneOptions
from workbench.options.validate import ValidateOptions
from workbench.options.workers import ALONE, WorkerOptions

__all__ = [
    "ALONE",
    "CONTROL",
    "RECOGNISED",
    "BatchOptions",
    "CombineOptions",
    "DecodingOptions",
    "ExportOptions",
    "HeadsOptions",
    "LoadOptions",
    "LocalizeOptions",
    "MaskOptions",
    "OptionRecord",
    "ProbeOptions",
    "PushOptions",
    "RaceOptions",
    "ReadOptions",
    "ReportOptions",
    "RetrievalOptions",
    "RobustOptions",
    "SelectOptions",
    "SettingsOptions",
    "SpendOptions",
    "StepWeights",
    "TrialOptions",
    "TuneOptions",
    "UpdateOptions",
    "ValidateOptions",
    "WorkerOptions",
    "check_options",
    "control_how",
    "control_records",
    "option",
    "records",
]
