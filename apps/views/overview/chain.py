"""The five stages as the overview shows them, read from one circuit and the runs built on it.

for stage in chain_of(heads_run, runs): stage.title, stage.value
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apps.reading.files import load, read_json
from apps.reading.runs import FoundRun
from apps.reading.workspace import Workspace, ref_of
from workbench.circuits import is_doubtful, is_shown_by_contribution, read_validation, reservation
from workbench.figures import head_name


@dataclass(frozen=True)
class Stage:
    """One card; `value` None means not done yet, `why` is what doing it would answer."""

    title: str
    value: str | None
    note: str
    page: str
    word: str = ""
    run_stage: str = ""
    why: str = ""
    parent: str = ""


def chain_of(heads_run: FoundRun, runs: Workspace) -> list[Stage]:
    """Model, circuit, validation, scores and selection that hang together."""
    heads = load(read_json, heads_run.result)
    scores = runs.child(heads_run, "score")
    return [
        _model(heads),
        _circuit(heads),
        _validation(runs.child(heads_run, "validate"), ref_of(heads_run)),
        _scores(scores, ref_of(heads_run)),
        _selection(runs.child(scores, "select") if scores else None, scores),
    ]


def _model(heads: dict) -> Stage:
    model = heads["model"]
    shape = f"{model['n_layers']} × {model['n_heads']}"
    note = f"{Path(model['id']).name}\nlayers × heads"
    return Stage("Model", shape, note, "views/heads/page.py", word="shape")


def _circuit(heads: dict) -> Stage:
    chosen = sorted((h for h in heads["heads"] if h["selected"]), key=lambda h: h["rank"])
    names = ", ".join(head_name(h["layer"], h["head"]) for h in chosen[:4])
    more = f" and {len(chosen) - 4} more" if len(chosen) > 4 else ""
    note = f"of all heads: {names}{more}"
    value = f"{len(chosen)} / {len(heads['heads'])}"
    return Stage("Circuit", value, note, "views/heads/page.py", word="circuit")


def _validation(run: FoundRun | None, parent: str) -> Stage:
    why = "Does the circuit matter more than random heads of the same layers? Validate it:"
    report = load(read_validation, run.result) if run else None
    if report is None:
        note = "circuit against random heads"
        return Stage(
            "Validation", None, note, "views/validate/page.py", "p_loss", "validate", why, parent
        )
    value, measure = f"{report['p']:.3f}", report["judged_by"]
    but = f", but {reservation(report)}" if reservation(report) else ""
    verdict = f"more than chance{but}" if report["supported"] else "not shown to beat chance"
    if is_doubtful(report):
        verdict = "more than chance, but not by what its heads contribute"
    if is_shown_by_contribution(report):
        verdict = "uniform not beyond chance, mean output beyond it"
    note, word = f"p by {measure}: {verdict}", f"p_{measure}"
    return Stage("Validation", value, note, "views/validate/page.py", word=word)


def _scores(run: FoundRun | None, parent: str) -> Stage:
    why = "Which samples make the circuit work? Score a dataset:"
    if run is None:
        note = "one number a row"
        return Stage("Scores", None, note, "views/samples/page.py", "score", "score", why, parent)
    summary = load(read_json, run.folder / "summary.json")
    by = " ".join(filter(None, [summary["method"], summary["variant"]]))
    column = summary["variant"] or "score"
    follows = [c["length"] for c in summary["correlations"] if c["score"] == column]
    pull = f"\nfollows length at {follows[0]:+.2f}" if follows and follows[0] is not None else ""
    value = f"{summary['counts'].get('ok', 0):,}"
    return Stage(
        "Scores",
        value,
        f"rows of {run.title.split(' · ')[0]}, by {by}{pull}",
        "views/samples/page.py",
        word="score",
    )


def _selection(run: FoundRun | None, scores: FoundRun | None) -> Stage:
    why = "Draw a subset by score, by command or on the page “Select & export”:"
    if run is None:
        note, parent = "a smaller dataset", ref_of(scores) if scores else ""
        return Stage(
            "Selection", None, note, "views/select/page.py", "selected", "select", why, parent
        )
    report = load(read_json, run.folder / "diagnostics.json")
    note = f"of {report['n_pool']:,} rows, policy {report['policy']}"
    value = f"{report['n_selected']:,}"
    return Stage("Selection", value, note, "views/select/page.py", word="selected")
