"""An amplification as one HTML file that needs nothing else: verdict, tables, pictures.

Path("report.html").write_text(amplification_page(report))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from workbench.figures import gain_bars, level_bars, operation_bars
from workbench.names import COMPONENTS, NATS, VARIANTS
from workbench.reports.escape import Markup
from workbench.reports.page import figure, note, page, paragraph, section, verdict
from workbench.reports.table import NOTHING, Column, html_table, unbroken

RESULTS = (
    Column("model"),
    Column("task, right", "share of problems of the task; higher is better"),
    Column("others, right", "share of other problems; should not fall"),
    Column("loss on text", f"{NATS}; should not rise"),
    Column("values retrieved", "share copied exactly from the context; should not fall"),
    Column("gain on the task", "share gained, 95 % interval; above 0: better"),
    Column("components changed", "share of heads and neurons; 0: nothing was"),
    Column("steps kept", "of each seed; 0: no step was better than none"),
)
RESULT_COLUMNS = tuple(column.name for column in RESULTS)
CAPTIONS = {
    "the task": "Share of held-out problems of the task answered right; higher is better. Bars are "
    "means over the seeds with their 95 % interval, dots single seeds; the dotted line is the "
    "model before.",
    "levels": "Share answered right by kind of problem, means over the seeds; higher is better.",
    "operations": "Share of the calculations in given solutions that the model would write right "
    "(how many there are in brackets), means over the seeds; higher is better.",
}
Record = Mapping[str, Any]


def amplification_page(report: Record) -> str:
    """The whole report; `report` is the content of `report.json`."""
    drawn = [figure(f, CAPTIONS[name]) for name, f in amplification_figures(report).items()]
    parts = [
        paragraph(_made_from(report)),
        verdict(report["verdict"], good=report["supported"]),
        section(
            "Before and after",
            results_table(report),
            note("Means over the seeds; in brackets the least and the largest of them."),
            *drawn,
        ),
        section("The masks", *_masks(report)),
    ]
    return page(f"Amplification of {report['model']['id']}", parts)


def _made_from(report: Record) -> str:
    problems, n_seeds = report["problems"], len(report["variants"]["mask"])
    n_task = sum(problem["is_task"] for problem in problems)
    where = f" with {report['where']}" if report["where"] else ""
    return (
        f"Constructive Circuit Amplification (arXiv 2512.16914). {n_task} held-out problems of "
        f"{', '.join(map(str, report['data']))}{where} and {len(problems) - n_task} others, "
        f"answered by greedy decoding; {n_seeds} seeds."
    )


def amplification_figures(report: Record) -> dict[str, go.Figure]:
    """The pictures that the report has numbers for, by what they are of."""
    figures = {"the task": gain_bars(report)}
    if len(report["base"]["levels"]) > 1:
        figures["levels"] = level_bars(report)
    if report["base"]["operations"]:
        figures["operations"] = operation_bars(report)
    return figures


def results_rows(report: Record) -> list[list[str]]:
    """One row a model: task, other problems, text, retrieval, and how much was changed.

    Means over the seeds, in brackets the least and the largest of them; the gain has its interval.
    """
    rows = [["before", *_measures([report["base"]]), NOTHING, NOTHING, NOTHING]]
    for name, title in VARIANTS.items():
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


def results_table(report: Record) -> Markup:
    """The same turned round, a column a model: ranges are wide."""
    models, *measured = zip(*results_rows(report), strict=True)
    cells = (map(unbroken, of) for of in measured)
    rows = ([column, *of] for column, of in zip(RESULTS[1:], cells, strict=True))
    return html_table(["measure", *models], rows)


def _measures(models: Sequence[Record]) -> list[str]:
    retrieved = [m["retrieval"]["exact"] for m in models if m["retrieval"]]
    return [
        _mean_and_range([m["task"] for m in models], ".1%"),
        _mean_and_range([m["other"] for m in models], ".1%"),
        _mean_and_range([m["text_loss"] for m in models], ".4f"),
        _mean_and_range(retrieved, ".1%"),
    ]


def _changed(models: Sequence[Record]) -> float:
    """Mean share of components that differ from the base model: none where step 0 was kept."""
    return float(np.mean([m["share_components"] if m["best"]["step"] else 0.0 for m in models]))


def _mean_and_range(values: Sequence[float | None], form: str) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return NOTHING
    mean, least, most = (format(float(f(there)), form) for f in (np.mean, np.min, np.max))
    return mean if least == most else f"{mean} ({least} to {most})"


def _masks(report: Record) -> list[Markup]:
    """How many components of each kind every seed's mask keeps, and what the masks warn of."""
    rows = [
        [str(number), *(str(mask["counts"][kind]) for kind in COMPONENTS), f"{mask['share']:.2%}"]
        for number, mask in enumerate(report["masks"])
    ]
    kinds = (Column(name, "kept") for name in COMPONENTS.values())
    share = Column("share", "of all components; lower: more local")
    parts = [html_table(["seed", *kinds, share], rows)]
    if (overlap := report["mask_overlap"]) is not None:
        shared = f"Two seeds' masks share {overlap:.0%} of their components"
        parts.append(paragraph(f"{shared}; higher: the seeds agree."))
    return parts + [paragraph(f"{text}.") for text in _warnings(report)]


def _warnings(report: Record) -> list[str]:
    """What the masks warn of, each once."""
    return sorted({text for mask in report["masks"] for text in mask["warnings"]})
