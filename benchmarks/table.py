"""The table of results in README.md, between two marks that the command finds again.

write_table(Path("benchmarks/README.md"), results, on_gpu)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.suite import ROWS, Row

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


Results = Mapping[str, Mapping[str, Any]]


def write_table(path: Path, results: Results, on_gpu: Results | None = None) -> None:
    """Replace what stands between the marks by the tables of these results."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    rows = {name: row for name, row in ROWS.items() if row.on_gpu}
    card = table(on_gpu, rows) if on_gpu else "None of these rows has been measured on one yet."
    tables = f"{table(results, ROWS)}\n\nOn a graphics card (`--gpu`):\n\n{card}"
    path.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


def table(results: Results, rows: Mapping[str, Row]) -> str:
    """One line a row, then what the rows were measured on."""
    lines = [
        "| row | what | against | target | measured | range | runs |",
        "|---|---|---|---|---|---|---|",
        *(_line(name, row, results.get(name)) for name, row in rows.items()),
    ]
    machines = {_machine(found) for found in results.values()}
    return "\n".join([*lines, "", *(f"Measured on: {said}." for said in sorted(machines))])


def _line(name: str, row: Row, found: Mapping[str, Any] | None) -> str:
    measured, extent, runs = "not measured yet", "", ""
    if found is not None:
        runs = str(found["runs"])
        measured = figure(row, found)
        details = found["details"]
        if "lowest" in details:
            extent = f"{details['lowest']:.2f} to {details['highest']:.2f}"
    cells = [f"`{name}`", row.what, row.against, row.target, measured, extent, runs]
    return f"| {' | '.join(cells)} |"


def figure(row: Row, found: Mapping[str, Any]) -> str:
    """The figure in bold where the target is met, with a word where it is missed."""
    if found["value"] is None:
        return f"not measured: {found['why_not']}"
    number = f"{found['value']:.3g}{row.unit}"
    return f"**{number}**" if row.met(found["value"]) else f"{number} (missed)"


def _machine(found: Mapping[str, Any]) -> str:
    on = found["machine"]
    versions = ", ".join(
        f"{name} {on['versions'][name]}"
        for name in ("python", "torch", "transformers", "transformer_lens")
        if name in on["versions"]
    )
    gpu = on["gpu"] or "no GPU"
    return (
        f"{on['processor']}, {on['cores']} cores, {on['threads']} threads in use, "
        f"{on['memory_gb']} GB, {gpu}; {versions}; times by the {found['clock']} clock"
    )
