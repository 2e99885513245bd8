"""A validation as one HTML file that needs nothing else: verdict, tables, pictures.

Path("validation.html").write_text(validation_page(report))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.figures.heads import head_name
from workbench.figures.validation import (
    control_rises,
    knockout_curve,
    random_draws,
    stability_bars,
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #ccc; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.verdict { border-left: .3rem solid #D55E00; padding: .2rem 1rem; background: #f6f6f6; }
.verdict.supported { border-color: #0072B2; }
figure { margin: 1.5rem 0; overflow-x: auto; }
"""
SETS = (
    ("base", "nothing"),
    ("circuit", "the circuit"),
    ("random", "random sets of the same layers, mean"),
    ("bottom", "the bottom heads"),
    ("all", "all heads"),
    ("only", "all but the circuit"),
)
Report = Mapping[str, Any]


def validation_page(report: Report) -> str:
    """The whole report; every text in it is escaped, and the plot library is part of the file."""
    names = ", ".join(head_name(*head) for head in report["heads"])
    model = str(report.get("model", {}).get("id", ""))
    data = ", ".join(map(str, report.get("data", [])))
    title = f"Validation of {names}"
    supported = " supported" if report["supported"] else ""
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Model {escape(model)}, {report['n_samples']} samples of {escape(data)}, "
        f"{report['n_decoded']} of them answered by greedy decoding; "
        f"{report['n_random']} random sets, seed {report['seed']}.</p>",
        f'<p class="verdict{supported}">{escape(report["verdict"])}</p>',
        "<h2>What each set costs</h2>",
        measures_table(report),
        effect_table(report),
        *map(_figure, figures_of(report)),
        _controls(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head>\n<body>{''.join(parts)}</body></html>\n"
    )


def figures_of(report: Report) -> list[go.Figure]:
    """The pictures that the report has numbers for."""
    measures = [m for m in ("loss", "accuracy") if report["base"][m] is not None]
    figures = [random_draws(report, measure) for measure in measures]
    for part, draw in (
        ("curve", knockout_curve),
        ("controls", control_rises),
        ("stability", stability_bars),
    ):
        if report[part]:
            figures.append(draw(report))
    return figures


def measures_table(report: Report) -> str:
    """Loss, right answers and exact solutions with each set uniform."""
    rows = []
    for key, name in SETS:
        found = report[key]
        if found:
            mean = "mean_" if key == "random" else ""
            values = [found[f"{mean}{m}"] for m in ("loss", "accuracy", "exact")]
            rows.append([name, _number(values[0]), _share(values[1]), _share(values[2])])
    return _table(["made uniform", "loss, nats a token", "right answers", "exact solutions"], rows)


def effect_table(report: Report) -> str:
    """Cost of the circuit against that of random sets, by each measure."""
    rows = []
    for measure, name in (("loss", "loss"), ("accuracy", "answers"), ("exact", "exact solutions")):
        effect = report["effect"][measure]
        if effect:
            interval = (
                "" if effect["low"] is None else f"{effect['low']:.3f} to {effect['high']:.3f}"
            )
            values = [effect["cost"], effect["random_cost"], effect["difference"]]
            rows.append([name, *map(_number, values), interval, f"{effect['p']:.3f}"])
    header = ["lost", "circuit", "random sets", "difference", "95 % interval", "p"]
    return _table(header, rows)


def _controls(report: Report) -> str:
    if not report["controls"]:
        return ""
    rows = [
        [
            c["data"],
            str(c["n_samples"]),
            _number(c["base_loss"]),
            _number(c["circuit_loss"]),
            _number(c["random_mean_loss"]),
            f"{c['relative_rise']:+.1%}",
            f"{c['specificity']['low']:+.3f} to {c['specificity']['high']:+.3f}",
        ]
        for c in report["controls"]
    ]
    header = ["control", "samples", "loss", "circuit uniform", "random sets", "rise"]
    return "<h2>On other data</h2>" + _table([*header, "beyond random sets: more here by"], rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(figure: go.Figure) -> str:
    return f"<figure>{figure.to_html(full_html=False, include_plotlyjs=False)}</figure>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
