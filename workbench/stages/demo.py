"""The whole chain on a named model and bundled data, small enough for two cores.

report = run_demo(Place(Path("demo/runs")), Path("demo"), tell=lambda *said: None)
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.bundled import DATASETS, bundled_dir
from workbench.models import ModelSource
from workbench.options import HeadsOptions, ProbeOptions, SelectOptions, ValidateOptions
from workbench.runs import Outcome, Place
from workbench.scoring import ScoreRequest
from workbench.stages.export import run_export
from workbench.stages.heads import run_heads
from workbench.stages.probe import run_probe
from workbench.stages.score import run_score
from workbench.stages.select import run_select
from workbench.stages.validate import run_validate

Tell = Callable[[str, str | None, Any], None]


@dataclass(frozen=True)
class Chain:
    """A model, the pool that its heads are found on, and what is spent on each stage.

    `scored` are pools with what is said of each; of every pool the first `rows` are read, or all.
    """

    model: str
    pool: str
    probe: ProbeOptions
    heads: HeadsOptions
    validation: ValidateOptions
    scored: tuple[tuple[str, str], ...]
    rows: int | None = None


CHAINS = {
    "math-tiny": Chain(
        "math-tiny",
        "generated",
        ProbeOptions(n=100, trim=0.02),
        HeadsOptions(min_heads=3),
        ValidateOptions(n=40, control_n=15, decode_n=20, curve_n=15),
        (("generated", "whose true step counts are known"), ("gsm8k", "real problems")),
    ),
    # What 30 minutes of two cores are enough for.
    "smollm2-135m": Chain(
        "smollm2-135m",
        "gsm8k",
        ProbeOptions(n=16, trim=0.02),
        HeadsOptions(method="screen"),
        ValidateOptions(n=8, random=20, control_n=4, decode_n=0, curve_n=0),
        (("gsm8k", "real problems"),),
        rows=120,
    ),
}
"""By the name of the model."""


def run_demo(
    place: Place, out: Path, *, tell: Tell, chain: str = "math-tiny", device: str = "auto"
) -> dict[str, Any]:
    """Find, validate, score, select, export; `tell(title, kind, summary)` hears of every stage."""
    began = time.monotonic()
    chosen = CHAINS[chain]
    source = ModelSource(chosen.model, device=device)
    outcomes: dict[str, Outcome] = {}
    pool, n = pool_of(chosen, chosen.pool, out), chosen.probe.n

    tell(f"1 Probe: {n} problems of the pool '{chosen.pool}' with the highest loss", None, None)
    probe = outcomes["probe"] = run_probe(place, source, [pool], chosen.probe)

    tell("2 Heads: what does the solution's loss rise by when one head is uniform?", None, None)
    heads = outcomes["heads"] = run_heads(place, source, probe.result, chosen.heads)
    tell("", "heads", heads.summary)

    tell("3 Validation on problems outside the probe: the circuit against chance", None, None)
    # The rows of the probe are left out by the validation itself.
    outcomes["validation"] = run_validate(place, source, heads.result, [pool], chosen.validation)
    tell("", "validation", outcomes["validation"].summary)

    scores = heads
    for step, (name, what) in enumerate(chosen.scored, start=4):
        tell(f"{step} Scores of the pool '{name}', {what}", None, None)
        asked = ScoreRequest.of("circuitseer", with_loss=name == chosen.pool)
        rows = [pool_of(chosen, name, out)]
        scores = run_score(place, source, rows, asked, heads_path=heads.result)
        outcomes[f"{name} scores" if name != chosen.pool else "scores"] = scores
        tell("", "scores", scores.summary)

    step, name = 4 + len(chosen.scored), chosen.scored[-1][0]
    tell(f"{step} Selection: a tenth of {name} by soft sampling, free of length", None, None)
    request = SelectOptions("soft", fraction=0.1, adjust="length")
    selection = outcomes["selection"] = run_select(place, scores.result, request)
    tell("", "selection", selection.summary)

    folder = out / f"{name}-top10"
    exported = run_export(place, selection.result, folder, format="messages")
    tell(f"{step + 1} Export: {exported['counts']['selected']} rows in {folder}", None, None)
    return {
        "run": str(selection.run),
        "result": str(folder),
        "status": "finished",
        "reused": all(outcome.reused for outcome in outcomes.values()),
        "runs": {name: str(outcome.run) for name, outcome in outcomes.items()},
        "seconds": round(time.monotonic() - began, 1),
    }


def pool_of(chain: Chain, name: str, out: Path) -> str:
    """The pool as data is named: its first rows as a file in `out` if no more are read."""
    if chain.rows is None:
        return name
    path = out / f"{name}-{chain.rows}.jsonl"
    with gzip.open(bundled_dir("data") / DATASETS[name], "rt", encoding="utf-8") as pool:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(islice(pool, chain.rows)), encoding="utf-8")
    return str(path)
