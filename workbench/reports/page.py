"""A whole HTML page that needs nothing else: text, tables and plotly figures in one file.

page("Validation", [verdict("It holds.", good=True), section("Costs", table), figure(bars)])

Nothing is fetched, which the page's own policy also forbids; light and dark follow the reader, and
paper is always light.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.config import digest
from workbench.reports.escape import Markup, element, joined

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
)
STYLE = Markup("""
:root { color-scheme: light dark; --text: #1a1a1a; --soft: #555; --page: #fff; --block: #f4f4f4;
        --line: #ccc; --good: #0072B2; --bad: #D55E00; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --soft: #aaa; --page: #15171a; --block: #22262b; --line: #444;
          --good: #56B4E9; --bad: #E69F00; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: var(--text); background: var(--page); overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
         vertical-align: top; overflow-wrap: normal; }
thead th { vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
tr > :first-child { min-width: 8rem; }
small { display: block; max-width: 14rem; font-weight: 400; color: var(--soft); line-height: 1.3; }
th:not(:first-child) small { margin-left: auto; }
.verdict { border-left: .3rem solid var(--bad); padding: .2rem 1rem; background: var(--block); }
.verdict.good { border-color: var(--good); }
figure { margin: 1.5rem 0; overflow-x: auto; }
figcaption, .note { color: var(--soft); font-size: .9rem; }
/* Plotly writes its colours into each text; these follow the page. */
.js-plotly-plot :is(.infolayer, [class*="axislayer"]) text { fill: currentColor !important; }
.js-plotly-plot .errorbar path { stroke: currentColor !important; }
@media print {
  body { max-width: none; margin: 0; font-size: 10pt; }
  table { font-size: 8pt; }
  th, td { padding: .2rem .35rem; }
  tr > :first-child { min-width: 5rem; }
  .table, figure { overflow: visible; }
  .table, figure, .verdict { break-inside: avoid; }
  h2 { break-after: avoid; }
  figcaption { break-before: avoid; }
  .verdict { print-color-adjust: exact; }
  .modebar { display: none !important; } }
""")
# Figures are as wide as the window; paper is narrower.
PRINTING = Markup("""
const plots = () => [...document.querySelectorAll(".js-plotly-plot")];
addEventListener("beforeprint", () => plots().forEach(p => Plotly.relayout(p, {width: 670})));
addEventListener("afterprint", () =>
  plots().forEach(p => Plotly.relayout(p, {width: null, autosize: true})));
""")
BUTTONS = [["toImage", "resetScale2d"]]
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": BUTTONS}
CLEAR, GRID, LINE = "rgba(0,0,0,0)", "rgba(128,128,128,0.25)", "rgba(128,128,128,0.7)"


def page(title: str, parts: Sequence[Markup]) -> str:
    """The file's whole text; the plot library is part of it."""
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        element("title", title),
        element("style", STYLE),
        element("script", Markup(get_plotlyjs())),
    )
    body = element("body", element("h1", title), *parts, element("script", PRINTING))
    return f"<!doctype html>\n{element('html', head, Markup(chr(10)), body, lang='en')}\n"


def section(title: str, *parts: Markup) -> Markup:
    """A heading and what belongs below it; nothing where there is nothing."""
    there = [part for part in parts if part]
    return joined(element("h2", title), *there) if there else Markup()


def paragraph(text: str) -> Markup:
    return element("p", text)


def note(text: str) -> Markup:
    """A smaller line that explains what stands above or below it."""
    return element("p", text, class_="note")


def verdict(text: str, *, good: bool) -> Markup:
    """What was found, set apart; its edge is blue where it speaks for the claim."""
    return element("p", text, class_="verdict good" if good else "verdict")


def figure(drawn: go.Figure, caption: str = "") -> Markup:
    """A figure with what it shows below it; lines of the grid are legible on light and dark."""
    shown = go.Figure(drawn)
    shown.update_layout(modebar={"bgcolor": CLEAR, "color": LINE, "activecolor": LINE})
    shown.update_xaxes(gridcolor=GRID, linecolor=GRID)
    shown.update_yaxes(gridcolor=GRID, linecolor=GRID)
    # Plotly's own serialiser writes <, > and / of texts as escapes of JSON.
    name = f"plot-{digest(shown.to_json())[:12]}"
    options = {"full_html": False, "include_plotlyjs": False, "config": CONFIG, "div_id": name}
    plot = Markup(shown.to_html(**options))
    said = [element("figcaption", caption)] if caption else []
    return element("figure", plot, *said)
