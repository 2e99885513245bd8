"""The whole chain on the bundled model and data, small enough for two cores.

report = run_demo(Place(Path("demo/runs")), Path("demo"))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.scoring import ScoreRequest
from workbench.stages.heads import HeadsOptions, run_heads
from workbench.stages.probe import ProbeOptions, run_probe
from workbench.stages.request import ModelSource, Outcome, Place
from workbench.stages.score import run_score
from workbench.stages.select import SelectOptions, run_export, run_select
from workbench.stages.validate import ValidateOptions, run_validate

MODEL = "math-tiny"
POOL = "generated"
MIN_HEADS = 3
N_PROBE = 100
VALIDATION = ValidateOptions(n=40, control_n=15, decode_n=20, curve_n=15)

Tell = Callable[[str, str | None, Any], None]


def run_demo(place: Place, out: Path, *, tell: Tell, device: str = "auto") -> dict[str, Any]:
    """Find, validate, score, select, export; `tell(title, kind, summary)` hears of every stage."""
    began = time.monotonic()
    source = ModelSource(MODEL, device=device)
    outcomes: dict[str, Outcome] = {}

    tell(f"1 Probe: {N_PROBE} problems of the pool '{POOL}' with the highest loss", None, None)
    probe = outcomes["probe"] = run_probe(place, source, [POOL], ProbeOptions(n=N_PROBE, trim=0.02))

    tell("2 Heads: what does the solution's loss rise by when one head is uniform?", None, None)
    options = HeadsOptions(min_heads=MIN_HEADS)
    heads = outcomes["heads"] = run_heads(place, source, probe.result, options)
    tell("", "heads", heads.summary)

    tell("3 Validation on problems outside the probe: the circuit against chance", None, None)
    # The rows of the probe are left out by the validation itself.
    outcomes["validation"] = run_validate(place, source, heads.result, [POOL], VALIDATION)
    tell("", "validation", outcomes["validation"].summary)

    tell(f"4 Scores of the pool '{POOL}', whose true step counts are known", None, None)
    scoring = ScoreRequest.of("circuitseer", with_loss=True)
    scores = run_score(place, source, [POOL], scoring, heads_path=heads.result)
    outcomes["scores"] = scores
    tell("", "scores", scores.summary)

    tell("5 Scores of the pool 'gsm8k', real problems", None, None)
    scoring = ScoreRequest.of("circuitseer")
    real = run_score(place, source, ["gsm8k"], scoring, heads_path=heads.result)
    outcomes["gsm8k scores"] = real
    tell("", "scores", real.summary)

    tell("6 Selection: a tenth of gsm8k by soft sampling, free of length", None, None)
    request = SelectOptions("soft", fraction=0.1, adjust="length")
    selection = outcomes["selection"] = run_select(place, real.result, request)
    tell("", "selection", selection.summary)

    folder = out / "gsm8k-top10"
    exported = run_export(place, selection.result, folder, format="messages")
    tell(f"7 Export: {exported['counts']['selected']} rows in {folder}", None, None)
    return {
        "run": str(selection.run),
        "result": str(folder),
        "status": "finished",
        "reused": all(outcome.reused for outcome in outcomes.values()),
        "runs": {name: str(outcome.run) for name, outcome in outcomes.items()},
        "seconds": round(time.monotonic() - began, 1),
    }
