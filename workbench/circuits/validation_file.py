"""`validation.json`, read back; files of schema 1 are brought to the present names.

report = read_validation(Path("runs/validate-1a2b3c4d/validation.json"))
report["judged_by"], report["p"]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from workbench.circuits.knockouts import NAMED
from workbench.circuits.validation import SCHEMA
from workbench.circuits.verdict import LEVEL
from workbench.errors import InputError
from workbench.names import ABLATED


def read_validation(path: Path) -> dict[str, Any]:
    """The report in `path`; InputError for what is no validation."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["schema"] == 1:
            return _from_first_schema(report)
        if report["schema"] != SCHEMA:
            raise InputError(f"{path} has schema {report['schema']}", expected=f"up to {SCHEMA}")
        missing = [key for key in (*NAMED, "random", "effect", "verdict") if key not in report]
        if missing:
            raise KeyError(missing[0])
        if report.get("ablation", "uniform") not in ABLATED:
            raise ValueError(f"the ablation is {report['ablation']!r}")
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"{path} cannot be read as a validation ({type(err).__name__}: {err})",
            expected="the fields of validation.json",
            do="validate again with `workbench heads validate`",
        ) from err
    return report


def _from_first_schema(report: dict[str, Any]) -> dict[str, Any]:
    """There `accuracy` was the share of exact solutions, and nothing was decoded."""
    measures = {
        name: {"loss": report[name]["loss"], "exact": report[name]["accuracy"], "accuracy": None}
        for name in ("base", "circuit", "bottom", "all")
    }
    loss, exact = report["random"]["loss"], report["random"]["accuracy"]
    random = {"loss": loss, "exact": exact, "accuracy": None, "mean_accuracy": None}
    random |= {"mean_loss": float(np.mean(loss)), "mean_exact": float(np.mean(exact))}
    judged = "loss" if report["base"]["accuracy"] == 0 else "accuracy"
    p = float(report[f"p_{judged}"])
    base, circuit = measures["base"], measures["circuit"]
    return {
        **{key: report[key] for key in ("n_samples", "heads", "n_random", "seed", "verdict")},
        **measures,
        "schema": SCHEMA,
        "left_out": report.get("left_out", {}),
        "only": None,
        "random": random,
        "n_decoded": 0,
        "effect": {
            "loss": _effect(circuit["loss"] - base["loss"], random["mean_loss"] - base["loss"])
            | {"p": report["p_loss"]},
            "exact": _effect(base["exact"] - circuit["exact"], base["exact"] - random["mean_exact"])
            | {"p": report["p_accuracy"]},
            "accuracy": None,
        },
        "controls": [],
        "curve": None,
        "stability": None,
        "judged_by": "loss" if judged == "loss" else "exact",
        "judged_because": "",
        "p": p,
        "supported": p < LEVEL,
    }


def _effect(cost: float, random_cost: float) -> dict[str, Any]:
    ratio = cost / random_cost if random_cost > 0 else None
    return {
        "cost": cost,
        "random_cost": random_cost,
        "difference": cost - random_cost,
        "low": None,
        "high": None,
        "ratio": ratio,
        "spread": None,
    }
