"""A trial as one HTML file that needs nothing else: verdict, arms, comparisons, pictures.

Path("trial.html").write_text(trial_page(report))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.figures import trial_effects
from workbench.names import NATS
from workbench.reports.escape import Markup
from workbench.reports.page import figure, note, page, paragraph, section, verdict
from workbench.reports.table import NOTHING, Column, html_table, number, share, unbroken

MEASURES = {"loss": f"held-out loss, {NATS}", "accuracy": "right answers"}
Report = Mapping[str, Any]


def trial_page(report: Report) -> str:
    """The whole report; `report` is the content of `report.json`."""
    first, *rest = report["verdict"]
    parts = [
        paragraph(_made_from(report)),
        verdict(first, good=bool(report["beat"])),
        *map(paragraph, rest),
        *map(note, report["warnings"]),
        section("The arms", arms_table(report), note(_budget(report))),
        section("Differences", *_figures(report), comparisons_table(report)),
    ]
    return page(f"Trial of {len(_selections(report))} selections on {report['model']['id']}", parts)


def _selections(report: Report) -> list[Report]:
    return [arm for arm in report["arms"] if arm["kind"] == "selection"]


def _made_from(report: Report) -> str:
    held_out, n = report["eval"], len(report["seeds"])
    how = "LoRA" if report["options"]["lora"] else "all weights"
    answers = f", {held_out['n_answers']} of them answered" if held_out["n_answers"] else ""
    if report.get("tasks"):
        answers += f"; {', '.join(report['tasks'])} by lm-evaluation-harness"
    trainings = f"{n} training{'s' if n > 1 else ''} an arm"
    return (
        f"Model {report['model']['id']}, {how}, {trainings}; held-out loss of the solutions of "
        f"{held_out['n']} rows of {', '.join(held_out['data'])}{answers}."
    )


def _budget(report: Report) -> str:
    budget = report["budget"]
    return (
        f"Every arm reads {budget['tokens']} tokens (and to the end of its last row) in "
        f"{budget['n_steps']} steps. Rows: different ones read; rounds: how often."
    )


def arms_table(report: Report) -> Markup:
    """A row an arm: what it read, and what came of it."""
    right = any("accuracy" in arm for arm in report["arms"])
    tasks = report.get("tasks", {})
    rows = [
        [
            arm["name"],
            number(arm["loss"], ".4f"),
            ", ".join(f"{value:.4f}" for value in arm["loss_by_seed"]),
            *([share(arm["accuracy"])] if right else []),
            *(number(arm[task], ".4f") for task in tasks),
            _range(arm["n_rows"], "d"),
            _range(arm["tokens"], "d"),
            _range(arm["targets"], "d"),
            _range(arm["rounds"], ".2f"),
            _range(arm["n_eval_read"], "d"),
        ]
        for arm in report["arms"]
    ]
    untuned = report["untuned"]
    before = [number(untuned["loss"], ".4f"), NOTHING]
    before += [share(untuned["accuracy"])] if right else []
    before += [number(untuned[task], ".4f") for task in tasks]
    rows.append(["before", *before, *[NOTHING] * 5])
    return html_table(
        [
            "arm",
            Column("held-out loss", f"{NATS}; lower is better"),
            Column("by seed"),
            *([Column("right answers", "higher is better")] if right else []),
            *(Column(task, _direction(facts)) for task, facts in tasks.items()),
            Column("rows", "different ones"),
            Column("tokens", "read, equal by design"),
            Column("target tokens", "of them learnt"),
            Column("rounds", "over its rows"),
            Column("eval rows read", "above 0: it was trained on what it is tested with"),
        ],
        rows,
    )


def _direction(facts: Report) -> str:
    return f"{'lower' if facts['lower_is_better'] else 'higher'} is better"


def _range(values: list[Any], form: str) -> str:
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else unbroken(f"{least} to {most}")


def comparisons_table(report: Report) -> Markup:
    """Every pair that was compared, its difference and what that says."""
    rows = [
        [
            c["arm"],
            c["against"],
            MEASURES.get(c["measure"], c["measure"]),
            number(c["difference"], "+.4f"),
            NOTHING if c["low"] is None else unbroken(f"{c['low']:+.4f} to {c['high']:+.4f}"),
            c["says"],
        ]
        for c in report["comparisons"]
    ]
    return html_table(
        ["arm", "against", "measure", "difference", Column("95 % interval"), "the arm is"], rows
    )


def _figures(report: Report) -> list[Markup]:
    caption = (
        "Differences from random rows over the same problems and seeds; lines are 95 % intervals. "
        "What crosses 0 cannot be told from random rows."
    )
    measures = dict.fromkeys(c["measure"] for c in report["comparisons"])
    return [figure(trial_effects(report, measure), caption) for measure in measures]
