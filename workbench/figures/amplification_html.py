"""An amplification as one HTML file that needs nothing else: verdict, tables, pictures.

Path("report.html").write_text(amplification_page(report))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.figures.amplification import (
    KINDS,
    VARIANTS,
    gain_bars,
    level_bars,
    operation_bars,
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
Record = Mapping[str, Any]


def amplification_page(report: Record) -> str:
    """The whole report; every text in it is escaped, and the plot library is part of the file."""
    model, data = str(report["model"]["id"]), ", ".join(map(str, report["data"]))
    title = f"Amplification of {model}"
    n_task = sum(problem["is_task"] for problem in report["problems"])
    supported = " supported" if report["supported"] else ""
    where = f" with {report['where']}" if report["where"] else ""
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Constructive Circuit Amplification (arXiv 2512.16914). {n_task} held-out problems of "
        f"{escape(data + where)} and {len(report['problems']) - n_task} others, answered by "
        f"greedy decoding; {len(report['variants']['mask'])} seeds.</p>",
        f'<p class="verdict{supported}">{escape(report["verdict"])}</p>',
        "<h2>Before and after</h2>",
        results_table(report),
        *map(_figure, figures_of(report).values()),
        "<h2>The masks</h2>",
        masks_table(report),
        *(f"<p>{escape(text)}.</p>" for text in warnings_of(report)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head>\n<body>{''.join(parts)}</body></html>\n"
    )


def figures_of(report: Record) -> dict[str, go.Figure]:
    """The pictures that the report has numbers for, by what they are of."""
    figures = {"the task": gain_bars(report)}
    if len(report["base"]["levels"]) > 1:
        figures["levels"] = level_bars(report)
    if report["base"]["operations"]:
        figures["operations"] = operation_bars(report)
    return figures


def warnings_of(report: Record) -> list[str]:
    """What the masks warn of, each once."""
    return sorted({text for mask in report["masks"] for text in mask["warnings"]})


def results_rows(report: Record) -> list[list[str]]:
    """One row a model: task, other problems, text, retrieval, and how much was changed.

    Means over the seeds, in brackets the least and the largest of them; the gain has its interval.
    """
    rows = [["before", *_measures([report["base"]]), "–", "–", "–"]]
    for name, (title, _) in VARIANTS.items():
        if of_seeds := report["variants"].get(name):
            gain = report["gains"][name]["task"]
            rows.append(
                [
                    title,
                    *_measures(of_seeds),
                    f"{gain['mean']:+.1%} ({gain['low']:+.1%} to {gain['high']:+.1%})",
                    f"{_changed(of_seeds):.2%}",
                    ", ".join(str(m["best"]["step"]) for m in of_seeds),
                ]
            )
    return rows


RESULT_COLUMNS = (
    "model",
    "task, right",
    "others, right",
    "loss on text",
    "values retrieved",
    "gain on the task",
    "components changed",
    "steps kept",
)


def results_table(report: Record) -> str:
    return _table(RESULT_COLUMNS, results_rows(report))


def _measures(models: Sequence[Record]) -> list[str]:
    retrieved = [m["retrieval"]["exact"] for m in models if m["retrieval"]]
    return [
        _share([m["task"] for m in models]),
        _share([m["other"] for m in models]),
        _number([m["text_loss"] for m in models]),
        _share(retrieved),
    ]


def masks_table(report: Record) -> str:
    """How many components of each kind every seed's mask keeps."""
    rows = [
        [str(number), *(str(mask["counts"][kind]) for kind in KINDS), f"{mask['share']:.2%}"]
        for number, mask in enumerate(report["masks"])
    ]
    note = ""
    if report["mask_overlap"] is not None:
        note = f"<p>Two seeds' masks share {report['mask_overlap']:.0%} of their components.</p>"
    return _table(["seed", *KINDS.values(), "share"], rows) + note


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(figure: go.Figure) -> str:
    return f"<figure>{figure.to_html(full_html=False, include_plotlyjs=False)}</figure>"


def _changed(models: Sequence[Record]) -> float:
    """Mean share of components that differ from the base model: none where step 0 was kept."""
    return float(np.mean([m["share_components"] if m["best"]["step"] else 0.0 for m in models]))


def _share(values: Sequence[float | None]) -> str:
    return _mean_and_range(values, "{:.1%}")


def _number(values: Sequence[float | None]) -> str:
    return _mean_and_range(values, "{:.4f}")


def _mean_and_range(values: Sequence[float | None], form: str) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "–"
    mean, least, most = (form.format(f(there)) for f in (np.mean, np.min, np.max))
    return mean if least == most else f"{mean} ({least} to {most})"
