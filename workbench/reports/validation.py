"""A validation as one HTML file that needs nothing else: verdict, tables, pictures.

Path("validation.html").write_text(validation_page(report))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.circuits import is_clear
from workbench.figures import control_rises, knockout_curve, random_draws, stability_bars
from workbench.names import ABLATED, MEASURES, NATS, SETS, head_name, random_sets_name
from workbench.reports.escape import Markup
from workbench.reports.page import figure, note, page, paragraph, section, verdict
from workbench.reports.table import NOTHING, Column, html_table, number, share, unbroken

# More heads than these do not fit a heading.
MAX_NAMED = 6
HEAD_FACTS = (
    Column("contribution", f"loss increase with the head's output at its mean, {NATS}; 0: none"),
    Column("sink share", "attention on the first token; near 1: the head rests there"),
    Column("idle", "yes: uniform attention disturbs, but the head contributes nothing"),
)
Report = Mapping[str, Any]


def validation_page(report: Report) -> str:
    """The whole report; `report` is the content of `validation.json`."""
    judged = MEASURES[report["judged_by"]].name
    parts = [
        paragraph(_made_from(report)),
        verdict(report["verdict"], good=is_clear(report)),
        section("The circuit", paragraph(f"By rank: {_names(report)}."), heads_table(report)),
        section(
            "What each set costs",
            measures_table(report),
            note(
                "Made uniform: every head of the set attends to all earlier tokens alike. Random "
                "sets have as many heads as the circuit, in the same layers."
            ),
            *_draws(report),
        ),
        section(
            "The circuit against random sets",
            effect_table(report),
            note(f"The verdict goes by {judged}. {_because(report)}"),
        ),
        section("Head by head", *_curve(report)),
        section("On other data", controls_table(report), *_controls(report)),
        section("From another probe", *_stability(report)),
    ]
    return page(f"Validation of {_title(report)}", parts)


def _made_from(report: Report) -> str:
    model = report.get("model", {}).get("id", "")
    data = ", ".join(map(str, report.get("data", [])))
    return (
        f"Model {model}, {report['n_samples']} samples of {data}, {report['n_decoded']} of them "
        f"answered by greedy decoding; {report['n_random']} random sets, seed {report['seed']}."
    )


def _title(report: Report) -> str:
    heads = report["heads"]
    names = ", ".join(head_name(*head) for head in heads[:MAX_NAMED])
    rest = len(heads) - MAX_NAMED
    return f"{names} and {rest} more" if rest > 0 else names


def _names(report: Report) -> str:
    return ", ".join(head_name(*head) for head in report["heads"])


def _because(report: Report) -> str:
    why = report["judged_because"]
    return f"Not by right answers: {why}." if why else ""


def heads_table(report: Report) -> Markup:
    """What is known of each head of the circuit, where `head_facts` has it; in order of rank."""
    facts = report.get("head_facts")
    if not facts:
        return Markup()
    rows = [
        [
            str(rank),
            head_name(*head),
            number(of["contribution"], "+.3f"),
            share(of["sink_share"]),
            {True: "yes", False: "no"}.get(of["idle"], NOTHING),
        ]
        for rank, (head, of) in enumerate(zip(report["heads"], facts, strict=True), start=1)
    ]
    return html_table([Column("rank", "of all heads"), "head", *HEAD_FACTS], rows)


def measures_table(report: Report) -> Markup:
    """Loss, right answers and exact solutions with each set uniform."""
    rows = []
    for key, names in SETS.items():
        if found := report[key]:
            mean = "mean_" if key == "random" else ""
            name = random_sets_name(report["n_random"]) if key == "random" else names.uniform
            values = (found[f"{mean}{measure}"] for measure in MEASURES)
            rows.append([name, *map(_value, MEASURES, values)])
    measured = [Column(m.label, f"{m.what}; {m.damage}") for m in MEASURES.values()]
    return html_table([f"made {ABLATED[report.get('ablation', 'uniform')].state}", *measured], rows)


def effect_table(report: Report) -> Markup:
    """Cost of the circuit against that of random sets, by each measure."""
    rows = []
    for measure, names in MEASURES.items():
        if effect := report["effect"][measure]:
            interval = [_value(measure, effect[end]) for end in ("low", "high")]
            rows.append(
                [
                    f"{names.name}, {names.unit or 'share'}",
                    _value(measure, effect["cost"]),
                    _value(measure, effect["random_cost"]),
                    _value(measure, effect["difference"]),
                    NOTHING if effect["low"] is None else unbroken(" to ".join(interval)),
                    number(effect["p"]),
                ]
            )
    return html_table(
        [
            Column("lost", "loss added, or right answers and solutions lost"),
            Column("circuit", "higher: needed more"),
            Column("random sets", "mean"),
            Column("difference", "above 0: the circuit costs more"),
            Column("95 % interval", "of the difference, over samples and sets"),
            Column("p", "chance that a random set costs as much; below 0.05 speaks for it"),
        ],
        rows,
    )


def _value(measure: str, value: float | None) -> str:
    return number(value) if measure == "loss" else share(value)


def _draws(report: Report) -> list[Markup]:
    return [
        figure(
            random_draws(report, measure),
            f"{MEASURES[measure].name.capitalize()} with each of {report['n_random']} random sets "
            f"uniform, and with the circuit; {MEASURES[measure].damage}. A circuit that matters "
            "stands apart from the bars.",
        )
        for measure in ("loss", "accuracy")
        if report["base"][measure] is not None
    ]


def _curve(report: Report) -> list[Markup]:
    caption = (
        "Heads made uniform one after another, the circuit's first, each by rank, and in random "
        "order; higher: more damage. A ranking that finds the heads that matter runs above the "
        "grey band."
    )
    return [figure(knockout_curve(report), caption)] if report["curve"] else []


def controls_table(report: Report) -> Markup:
    """The same knock-outs on other data: is the circuit special to these problems?"""
    if not report["controls"]:
        return Markup()
    rows = [
        [
            control["data"],
            str(control["n_samples"]),
            number(control["base_loss"]),
            number(control["circuit_loss"]),
            number(control["random_mean_loss"]),
            number(control["relative_rise"], "+.1%"),
            unbroken(" to ".join(f"{control['specificity'][end]:+.3f}" for end in ("low", "high"))),
        ]
        for control in report["controls"]
    ]
    return html_table(
        [
            "control",
            "samples",
            Column("loss", f"unchanged model, {NATS}"),
            Column("circuit uniform", NATS),
            Column("random sets", f"mean, {NATS}"),
            Column("rise", "of the loss by the circuit, relative; lower: more special"),
            Column(
                "more on the problems by",
                f"cost beyond random sets, here less there, {NATS}, 95 % interval; above 0: "
                "special to the problems",
            ),
        ],
        rows,
    )


def _controls(report: Report) -> list[Markup]:
    caption = (
        "Loss added on the problems and on other data. A circuit that is special to the problems "
        "stands out beside the random sets there, and less elsewhere."
    )
    return [figure(control_rises(report), caption)] if report["controls"] else []


def _stability(report: Report) -> list[Markup]:
    caption = (
        "Overlap: heads in both circuits over heads in either. Rank correlation: Spearman's, over "
        "all heads. Near 1: another probe finds the same heads; low: take a larger probe. Lines "
        "span 90 % of the draws."
    )
    return [figure(stability_bars(report), caption)] if report["stability"] else []
