"""Does a smaller reference choose the same data as a larger one, and does its choice help as much?

    python -m analyses.weak_to_strong.study

Trains a small reference by the bundled model's script; the target is the bundled model, weakened.
Both references score one pool; the target is fine-tuned on each one's tenth and on random tenths.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.arms import Arm, export_arm
from analyses.shared import Study, number
from analyses.tuned import (
    Answers,
    against,
    answers_after,
    plot,
    right_answers,
    small_relative,
    table,
    tuning_parser,
    weakened_copy,
    write_problems,
)
from workbench.scoring import ScoreRequest, partial_spearman, spearman
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    SelectOptions,
    read_scores,
    run_heads,
    run_probe,
    run_score,
)

POLICIES = ("soft", "top")


@dataclass(frozen=True)
class Reference:
    """What one model found: its circuit, its scores table and its scores by row."""

    circuit: list[str]
    n_layers: int
    table: Path
    scores: pd.DataFrame


def read_with(study: Study, model: str, pool: str) -> Reference:
    source = ModelSource(model)
    probe = run_probe(study.place, source, ["generated"], ProbeOptions(n=100, trim=0.02))
    heads = run_heads(study.place, source, probe.result, HeadsOptions(min_heads=3))
    chosen = sorted((h for h in heads.summary["heads"] if h["selected"]), key=lambda h: h["rank"])
    options = ScoreRequest.of("circuitseer")
    outcome = run_score(study.place, source, [pool], options, heads_path=heads.result)
    return Reference(
        [f"{h['layer']}.{h['head']}" for h in chosen],
        heads.summary["model"]["n_layers"],
        outcome.result,
        read_scores(outcome.result).query("status == 'ok'").set_index("row_id"),
    )


def agreement(small: Reference, large: Reference) -> dict[str, dict[str, float | None]]:
    """Of each variant: rank correlation raw and with length fixed, rows shared by the top tenth."""
    lengths = large.scores["n_tokens"]
    report = {}
    for name in ("paper", "cv2", "excess", "score_within_length"):
        one, other = small.scores[name].reindex(lengths.index), large.scores[name]
        n_top = len(other) // 10
        tops = [set(column.nlargest(n_top).index) for column in (one, other)]
        report[name] = {
            "rank": spearman(one, other),
            "rank|length": partial_spearman(one, other, lengths),
            "shared": len(tops[0] & tops[1]) / n_top,
        }
    return report


def agreement_lines(references: dict[str, Reference], found: dict[str, Any]) -> list[str]:
    lines = [
        f"- {name} reference ({reference.n_layers} layers): heads {', '.join(reference.circuit)}"
        for name, reference in references.items()
    ]
    lines += ["", "| score | rank correlation | with length fixed | shared rows of the top tenth |"]
    lines.append("|---|--:|--:|--:|")
    for name, row in found.items():
        cells = [number(row["rank"]), number(row["rank|length"]), f"{row['shared']:.0%}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def main() -> None:
    parser = tuning_parser(__doc__, model="the larger reference")
    parser.add_argument("--small-steps", type=int, default=1400)
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    study.asked(options)
    pool = str(study.work / "pool.jsonl")
    test = write_problems(study.work / "test.jsonl", options.test_n, seed=1)
    write_problems(study.work / "pool.jsonl", options.pool_n, seed=2, without=test)
    small = small_relative(options.small_steps)
    target = weakened_copy(options.model, options.noise)
    references = {
        "small": read_with(study, str(small), pool),
        "large": read_with(study, options.model, pool),
    }
    chance = run_score(study.place, ModelSource(options.model), [pool], ScoreRequest.of("random"))
    answers = Answers(study.work / "answers.json")
    answers.of("untuned", 0, lambda: right_answers(target, str(study.work / "test.jsonl")))
    arms = {f"{name} {p}": (r.table, p) for name, r in references.items() for p in POLICIES}
    arms["random"] = (chance.result, "random")
    for seed in range(options.seeds):
        for name, (scores, policy) in arms.items():

            def work(
                name: str = name, scores: Path = scores, policy: str = policy, seed: int = seed
            ) -> list[bool]:
                arm = Arm("circuitseer", SelectOptions(policy, fraction=0.1))
                export = export_arm(study, scores, arm, name=name, seed=seed)
                return answers_after(study, target, export, options, seed=seed)

            answers.of(name, seed, work)
    found = agreement(references["small"], references["large"])
    report = against(answers.by_arm(), "random")
    lines = agreement_lines(references, found)
    text = "\n".join(lines) + "\n" + table(report, options.seeds)
    print(text)
    if not options.dry:
        content = {"model": options.model, "agreement": found, "arms": report}
        study.report(content, text, name="weak_to_strong")
        study.figure(plot(report), "weak_to_strong")


if __name__ == "__main__":
    main()
