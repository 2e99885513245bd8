"""What the figures of a validation say in words, by the measure that can be trusted, and what not.

measure, reason = trusted_measure(report)
report["verdict"] = verdict(report)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.circuits.effects import share_interval
from workbench.names import ABLATED

LEVEL = 0.05
# Below these a share of right answers moves in steps too coarse to judge by.
FEWEST_DECODED, FEWEST_RIGHT = 20, 10
# From this share of what all heads cost on, the model is broken rather than without a circuit.
BROKEN_SHARE = 0.9
FEW = 10
Report = Mapping[str, Any]
HELD_OUT = {
    True: "",
    False: "These are rows that the heads were found on, which flatters the circuit.",
    None: "Not known is which rows the heads were found on; if these are among them, that flatters "
    "the circuit.",
}


def trusted_measure(report: Report) -> tuple[str, str]:
    """`accuracy`, or `loss` with the reason why not accuracy.

    Accuracy of decoded answers is what one wants to know, but it says something only of a model
    that answers: at least 20 problems, 10 of them right, and with its 95 % interval above that of
    the model with every head uniform, which can only guess. Nor can it rank sets of heads that all
    cost every answer: where the circuit is one of several such sets, the loss tells them apart.
    """
    n, accuracy = report["n_decoded"], report["base"]["accuracy"]
    if accuracy is None:
        return "loss", "no answers were decoded"
    n_right, n_floor = round(accuracy * n), round(report["all"]["accuracy"] * n)
    if n < FEWEST_DECODED:
        return "loss", f"{n} decoded answers are too few to judge by"
    if n_right < FEWEST_RIGHT:
        return "loss", f"the unchanged model answers only {n_right} of {n} problems"
    if share_interval(n_right, n)[0] <= share_interval(n_floor, n)[1]:
        return "loss", "the unchanged model hardly answers more than one without attention"
    n_level = sum(other <= report["all"]["accuracy"] for other in report["random"]["accuracy"])
    if n_level and report["circuit"]["accuracy"] <= report["all"]["accuracy"]:
        others = f"{n_level} of {report['n_random']} random sets"
        return "loss", f"the circuit and {others} leave no more answers right than chance does"
    return "accuracy", ""


def is_doubtful(report: Report) -> bool:
    """Whether a circuit beats random sets under uniform attention and not at its mean output.

    Then what was measured may be what switching on idle heads breaks. Not where p is as small as so
    few sets allow: that shows nothing either way.
    """
    found = report.get("contribution")
    return bool(report["supported"] and found and found["p"] >= LEVEL and not _is_least(found))


def is_shown_by_contribution(report: Report) -> bool:
    """Whether a circuit beats random sets at its mean output alone, not under uniform attention.

    Random sets hold heads that are idle until uniform attention switches them on.
    """
    found = report.get("contribution")
    is_uniform = report.get("ablation", "uniform") == "uniform"
    return bool(found and is_uniform and not report["supported"] and found["p"] < LEVEL)


def reservation(report: Report) -> str:
    """Why what is shown says little of what these heads are for; empty where nothing does."""
    if report["n_decoded"] and report["base"]["accuracy"] == 0:
        return "the unchanged model solves none of these problems"
    state = ABLATED[report.get("ablation", "uniform")].state
    return f"it breaks the model as all heads {state} do" if _broken(report) else ""


def is_clear(report: Report) -> bool:
    """Whether a circuit is shown, and nothing is to be said against it."""
    return bool(report["supported"]) and not (is_doubtful(report) or reservation(report))


def _is_least(found: Mapping[str, Any]) -> bool:
    """Whether no random set costs as much; reports of before, with 10 sets, do not count them."""
    return math.isclose(found["p"], 1 / (1 + found.get("n_random", FEW)))


def verdict(report: Report) -> str:
    """Figures, claim, specificity, sufficiency, stability, limits: one sentence or two of each."""
    measure, reason = trusted_measure(report)
    parts = [
        _figures(report, measure),
        _not_accuracy(report, reason) if reason else "",
        _claim(report, measure),
        _idle(report),
        _by_contribution(report),
        _broken(report),
        *(_specific(control) for control in report.get("controls", [])),
        _sufficient(report),
        _stable(report),
        HELD_OUT[report.get("held_out", True)],
        "It does not show that these heads do nothing else, nor that heads of other layers matter "
        "less, nor what holds on other data.",
    ]
    return " ".join(part for part in parts if part)


def _figures(report: Report, measure: str) -> str:
    n_random, p = report["n_random"], report["effect"][measure]["p"]
    kind = ABLATED[report.get("ablation", "uniform")].state
    if measure == "accuracy":
        return (
            f"With the circuit {kind} the model answers {report['circuit']['accuracy']:.0%} of "
            f"{report['n_decoded']} problems instead of {report['base']['accuracy']:.0%}; with "
            f"{n_random} random sets of the same layers {report['random']['mean_accuracy']:.0%} on "
            f"average (p = {p:.3f} by accuracy)."
        )
    effect = report["effect"]["loss"]
    return (
        f"Making the circuit {kind} raises the loss by {effect['cost']:.3f} nats a token, "
        f"{n_random} random sets of the same layers raise it by {effect['random_cost']:.3f} on "
        f"average (p = {p:.3f} by loss)."
    )


def _not_accuracy(report: Report, reason: str) -> str:
    found = report["effect"]["accuracy"]
    p = f" (by it p = {found['p']:.3f})" if found else ""
    return f"Accuracy is not the judge here{p}: {reason}."


def _claim(report: Report, measure: str) -> str:
    effect, n_random = report["effect"][measure], report["n_random"]
    if effect["p"] < LEVEL:
        return "These heads matter more than others of their layers on this data."
    least = 1 / (1 + n_random)
    if least >= LEVEL:
        return f"With {n_random} draws nothing can be shown: p is at least {least:.2f}."
    where = " under uniform attention" if is_shown_by_contribution(report) else ""
    return f"No sign{where} that these heads matter more than others of their layers."


def _idle(report: Report) -> str:
    found = report.get("without_idle")
    if not found:
        return ""
    n_idle, cost = found["n_idle"], report["effect"]["loss"]["cost"]
    are = "head of it is" if n_idle == 1 else "heads of it are"
    return (
        f"{n_idle} {are} idle: uniform attention there breaks something, taking the output away "
        f"costs nothing. Without {'it' if n_idle == 1 else 'them'} the circuit costs "
        f"{found['cost']:+.3f} nats instead of {cost:+.3f}."
    )


def _by_contribution(report: Report) -> str:
    found = report.get("contribution")
    if not found or report.get("ablation", "uniform") != "uniform":
        return ""
    doubt = " By what the heads contribute nothing is shown." if is_doubtful(report) else ""
    if is_shown_by_contribution(report):
        doubt = (
            " So by what they contribute these heads matter more than others of their layers; made "
            "uniform, a random set may cost as much by idle heads that it switches on."
        )
    if found["p"] >= LEVEL and _is_least(found):
        doubt = " No set costs as much; so few cannot show more."
    return (
        f"With outputs at their mean, which takes away what heads contribute and switches none on, "
        f"the circuit costs {found['cost']:+.3f} nats and random sets {found['random_cost']:+.3f} "
        f"(p = {found['p']:.3f}).{doubt}"
    )


def _broken(report: Report) -> str:
    """Damage as large as that of all heads tells nothing of reasoning."""
    base = report["base"]["loss"]
    cost, every = (report[name]["loss"] - base for name in ("circuit", "all"))
    if cost <= 0 or cost < BROKEN_SHARE * every:
        return ""
    return (
        f"The circuit costs {cost / every:.0%} of what all heads together cost: that is the damage "
        "of a broken model, which says little of what these heads were for."
    )


def _specific(control: Mapping[str, Any]) -> str:
    name, found = control["data"], control["specificity"]
    beyond = f"Beyond the mean of {len(control['random_loss'])} random sets"
    costs = f"{found['problems']:+.3f} nats here, {found['control']:+.3f} on {name}"
    if found["low"] > 0:
        return f"{beyond} the circuit costs these problems more than other text ({costs})."
    if found["high"] < 0:
        return f"{beyond} it costs other text even more ({costs}): not special."
    return f"{beyond}, no clear difference to other text ({costs})."


def _sufficient(report: Report) -> str:
    recovered = report["only"]["recovered"]
    if recovered is None:
        return ""
    others = ABLATED[report.get("ablation", "uniform")].state
    # Of less than nothing by a rounding the sign would say something.
    kept = round(recovered, 2) + 0.0
    return f"Alone, with every other head {others}, these heads keep {kept:.0%} of what all do."


def _stable(report: Report) -> str:
    halves = (report.get("stability") or {}).get("halves")
    if halves is None or halves["overlap"]["mean"] >= 0.5:
        return ""
    return (
        f"Two halves of the probe choose largely different heads (overlap "
        f"{halves['overlap']['mean']:.2f}): take a larger probe."
    )
