"""Did the update help, did the mask matter, and what else moved? Numbers and words.

    report = amplification_report(base, variants, facts)
    report["gains"]["mask"]["task"]["mean"], report["verdict"]

`base` and each entry of `variants[name]` are what `run_report` measured of one model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from workbench.errors import InputError
from workbench.options.amplify import CONTROLS

SCHEMA = 1
N_RESAMPLES = 2000
NAMES = {
    "mask": "masked update",
    "no-mask": "no mask",
    "random": "random mask",
    "lora": "LoRA",
}
Measured = Mapping[str, Any]


def amplification_report(
    base: Measured, variants: Mapping[str, Sequence[Measured]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of `report.json`.

    A measured model has `right` (one a problem, the task's first), `operations`, `text_loss`,
    `retrieval`; a variant also what `update.json` says of it. `facts` has `problems` (is_task and
    label of each), model, data and options, and goes into the report.
    """
    is_task = np.array([p["is_task"] for p in facts["problems"]])
    gains, against = {}, {}
    for name, of_seeds in variants.items():
        gains[name] = {
            part: gain(_right(of_seeds), _right([base]), where)
            for part, where in (("task", is_task), ("other", ~is_task))
            if where.any()
        }
    for name in CONTROLS:
        if name in variants and "mask" in variants:
            mine, theirs = _right(variants["mask"]), _right(variants[name])
            against[name] = gain(mine, theirs, is_task)
    report = {
        "schema": SCHEMA,
        **facts,
        "base": _summary(base, facts["problems"]),
        "variants": {
            name: [_summary(m, facts["problems"]) | _update_facts(m) for m in of_seeds]
            for name, of_seeds in variants.items()
        },
        "gains": gains,
        "against": against,
    }
    supported, words = verdict(report)
    return report | {"supported": supported, "verdict": words}


def gain(
    after: Bool[np.ndarray, "seed problem"],
    before: Bool[np.ndarray, "some problem"],
    where: Bool[np.ndarray, " problem"],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Difference of the shares of right answers, with a 95 % interval over seeds and problems.

    The bootstrap draws seeds and problems together, and both models of a pair answer the same
    ones. `before` is one row, or as many as `after`.
    """
    delta = (after.astype(np.float64) - before.astype(np.float64))[:, where]
    rng = np.random.default_rng(seed)
    n_seeds, n_problems = delta.shape
    seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=N_RESAMPLES) / n_seeds
    problems = rng.multinomial(n_problems, np.full(n_problems, 1 / n_problems), size=N_RESAMPLES)
    means = np.einsum("rs,sp,rp->r", seeds, delta, problems / n_problems)
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        "mean": float(delta.mean()),
        "low": float(low),
        "high": float(high),
        "per_seed": delta.mean(axis=1).tolist(),
        "n_problems": int(n_problems),
    }


def _right(measured: Sequence[Measured]) -> Bool[np.ndarray, "seed problem"]:
    return np.array([m["right"] for m in measured], dtype=bool)


def _summary(measured: Measured, problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One model in numbers; `levels` by the problems' label."""
    right = np.array(measured["right"], dtype=bool)
    is_task = np.array([p["is_task"] for p in problems])
    labels = np.array([str(p["label"]) for p in problems])
    levels = {label: right[labels == label] for label in sorted(set(labels), key=_in_order)}
    return {
        "task": _share(right[is_task]),
        "other": _share(right[~is_task]),
        "levels": {k: {"n": len(v), "right": _share(v)} for k, v in levels.items()},
        "operations": dict(measured["operations"]),
        "text_loss": measured["text_loss"],
        "retrieval": dict(measured["retrieval"]) if measured["retrieval"] else None,
    }


def _in_order(label: str) -> tuple[float, str]:
    try:
        return float(label), ""
    except ValueError:
        return float("inf"), label


def _share(right: Bool[np.ndarray, " problem"]) -> float | None:
    return float(right.mean()) if len(right) else None


def _update_facts(measured: Measured) -> dict[str, Any]:
    names = ("run", "seed", "best", "share_components", "share_values", "n_components", "n_values")
    return {name: measured[name] for name in names if name in measured}


def verdict(report: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the masked update helped and beat the random mask, and the sentences that say so."""
    mine = report["gains"]["mask"]["task"]
    n_seeds = len(mine["per_seed"])
    helped, sentences = mine["low"] > 0, [_gain_sentence(report, mine, n_seeds)]
    beaten = True
    for name, difference in report["against"].items():
        beaten = beaten and (name != "random" or difference["low"] > 0)
        sentences.append(_against_sentence(NAMES[name], difference))
    sentences += _side_sentences(report)
    if not helped and any(m["best"]["step"] for m in report["variants"]["mask"]):
        sentences.insert(1, "That is no gain beyond chance.")
    elif helped and not beaten:
        sentences.insert(1, "A random mask of equal size is not clearly worse.")
    if n_seeds < 3:
        sentences.append("Fewer than three seeds: the interval says little about other seeds.")
    return helped and beaten, " ".join(sentences)


def _gain_sentence(report: Mapping[str, Any], found: Mapping[str, Any], n_seeds: int) -> str:
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    before = report["base"]["task"]
    shares = [m["share_components"] for m in report["variants"]["mask"] if m["best"]["step"]]
    if not shares:
        return (
            "On the validation problems no step of the masked update was better than none (a tie "
            f"counts as none), so nothing was changed: {before:.1%} right before and after, "
            f"{seeds}."
        )
    where = f" with {len(shares)} of {n_seeds} seeds" if len(shares) < n_seeds else ""
    rest = " With the others no step was better than none on validation." if where else ""
    return (
        f"Updating {np.mean(shares):.2%} of the components{where} takes the share of right answers "
        f"from {before:.1%} to {before + found['mean']:.1%} "
        f"({found['mean']:+.1%}, 95 % interval {found['low']:+.1%} to {found['high']:+.1%}, "
        f"{found['n_problems']} problems, {seeds}).{rest}"
    )


def _against_sentence(name: str, difference: Mapping[str, Any]) -> str:
    return (
        f"Against {name}: {difference['mean']:+.1%} "
        f"({difference['low']:+.1%} to {difference['high']:+.1%})."
    )


def _side_sentences(report: Mapping[str, Any]) -> list[str]:
    """How far the other measures moved, as means over the seeds."""
    base, of_seeds = report["base"], report["variants"]["mask"]
    found = []
    other = report["gains"]["mask"].get("other")
    if other:
        found.append(f"other problems {other['mean']:+.1%}")
    if base["text_loss"] is not None:
        after = np.mean([m["text_loss"] for m in of_seeds])
        found.append(f"loss on text {after - base['text_loss']:+.4f} nats")
    if base["retrieval"] and base["retrieval"]["n"]:
        after = np.mean([m["retrieval"]["exact"] for m in of_seeds])
        found.append(f"values retrieved {after - base['retrieval']['exact']:+.1%}")
    return [f"Beside the task: {', '.join(found)}."] if found else []


def read_report(path: Path) -> dict[str, Any]:
    """The content of a `report.json`; InputError if it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        fits = content["schema"] == SCHEMA and "mask" in content["gains"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"'{path}' cannot be read as a report ({type(err).__name__})",
            expected="a report.json",
            do="pass the run of `workbench amplify report`",
        ) from err
    if not fits:
        raise InputError(f"'{path}' is no report of schema {SCHEMA}", expected="a report.json")
    return content
