"""Three more trained models, of other architectures: does validation confirm their circuits?

    python -m analyses.reference_model.architectures

Trains each for some minutes on look-up lists and short problems, finds its circuit on `generated`,
validates it, and writes the table in `docs/models.md`. Models and runs stay in `work/`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analyses.shared import Study
from analyses.tuned import train_relative
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    ValidateOptions,
    run_heads,
    run_probe,
    run_validate,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- trained -->\n", "<!-- end of trained -->\n"
SHARED = ("--layers", "4", "--d-model", "192", "--d-mlp", "384")
# What each is trained with. The start that looks back is Llama's alone (biases and rotation).
LOOK_BACK = ["--look-back", "--rope-theta", "100"]
MODELS = {
    "gpt2": ("GPT-2", 1500, ["--architecture", "gpt2"]),
    "llama": ("Llama, 2 key-value heads for 8 heads", 1000, [*LOOK_BACK, "--kv-heads", "2"]),
    "qwen3": ("Qwen3, normalised q and k", 500, ["--architecture", "qwen3"]),
}


def validated(study: Study, folder: Path) -> dict[str, Any]:
    """The circuit of the model on `generated`, and what its validation says."""
    source, place = ModelSource(str(folder)), study.place
    probe = run_probe(place, source, ["generated"], ProbeOptions(n=100, strategy="random"))
    heads = run_heads(place, source, probe.result, HeadsOptions(min_heads=3))
    asked = ValidateOptions(n=60, control_n=20, decode_n=0, curve_n=0)
    report = dict(run_validate(place, source, heads.result, ["generated"], asked).summary)
    return {**report, "names": [f"{layer}.{head}" for layer, head in report["heads"]]}


def line_of(title: str, steps: int, report: dict[str, Any]) -> str:
    effect = report["effect"]["loss"]
    said = "yes" if report["supported"] else "no"
    cells = [
        title,
        str(steps),
        ", ".join(report["names"]),
        f"{report['base']['loss']:.3f}",
        f"+{effect['cost']:.3f}",
        f"+{effect['random_cost']:.3f}",
        f"{effect['p']:.3f}",
        said,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, help="of every model, instead of its own")
    parser.add_argument("--only", choices=list(MODELS), action="append", help="repeatable")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    options = parser.parse_args()
    study = Study.at(__file__)
    lines = ["| model | steps | circuit | loss | circuit uniform | random sets | p | confirmed |"]
    lines.append("|---|--:|---|--:|--:|--:|--:|---|")
    for name, (title, steps, own) in MODELS.items():
        if options.only and name not in options.only:
            continue
        steps = options.steps or steps
        folder = train_relative(study.work / f"{name}-{steps}", steps, *SHARED, *own)
        lines.append(line_of(title, steps, validated(study, folder)))
        print(lines[-1], flush=True)
    if not options.dry:
        before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
        text = "\n".join(lines) + "\n"
        DOCUMENT.write_text(before + BEGIN + text + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
