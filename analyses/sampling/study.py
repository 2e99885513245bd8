"""Does a tenth chosen by score teach a small model more than a tenth drawn by chance?

    python -m analyses.sampling.study
    python -m analyses.sampling.study --trial

Weakens the bundled model into a target that has not seen the pool, scores the pool with the bundled
model, fine-tunes the target on each arm's tenth with several seeds and the same number of steps,
and counts right answers to held-out problems. Everything finished is kept in `work/`. With
`--trial` the same selections go through `workbench trial` instead: equal tokens, held-out loss.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from analyses.arms import ARMS, EVERYTHING, MATCHED, export_arm, export_matched
from analyses.shared import Study
from analyses.tuned import (
    Answers,
    against,
    answers_after,
    plot,
    right_answers,
    table,
    tuning_parser,
    weakened_copy,
    write_problems,
)
from workbench.circuits import RetrievalOptions
from workbench.options import TrialOptions, TuneOptions
from workbench.scoring import ScoreRequest
from workbench.stages import (
    Asked,
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    read_scores,
    run_heads,
    run_probe,
    run_retrieval,
    run_score,
    run_select,
    run_trial,
)

# The whole pool, once: more steps than the other arms have.
ONCE = "everything, read once"
NEEDS = {"circuitseer": "costliest", "attention-influence": "retrieval", "air": "retrieval"}


def scores_of(study: Study, source: ModelSource, pool: str) -> dict[tuple[str, str], Path]:
    """The scores table of every method and variant that an arm asks for."""
    probe = run_probe(study.place, source, ["generated"], ProbeOptions(n=100, trim=0.02))
    asked = HeadsOptions(min_heads=3)
    heads = {
        "costliest": run_heads(study.place, source, probe.result, asked).result,
        "retrieval": run_retrieval(
            study.place, source, RetrievalOptions(n=200, min_heads=3)
        ).result,
    }
    found = {}
    for method, variant in sorted({(arm.method, arm.variant) for arm in ARMS.values()}):
        options = ScoreRequest.of(method, variant=variant)
        path = heads[NEEDS[method]] if method in NEEDS else None
        found[method, variant] = run_score(
            study.place, source, [pool], options, heads_path=path
        ).result
    return found


def export_of(study: Study, name: str, *, seed: int, scores: dict[tuple[str, str], Path]) -> Path:
    """The folder with one arm's rows."""
    if name == MATCHED:
        pool = str(study.work / "pool.jsonl")
        return export_matched(study, scores["circuitseer", "paper"], pool, seed=seed)
    arm = ARMS[EVERYTHING if name == ONCE else name]
    return export_arm(study, scores[arm.method, arm.variant], arm, name=name, seed=seed)


def trial(
    study: Study,
    target: Path,
    scores: dict[tuple[str, str], Path],
    options: argparse.Namespace,
) -> None:
    """The same selections as `workbench trial` holds them against random rows."""
    paths = [
        run_select(study.place, scores[arm.method, arm.variant], arm.select).result
        for arm in ARMS.values()
        if arm.method != "random"
    ]
    mean_tokens = read_scores(next(iter(scores.values())))["n_tokens_row"].mean()
    asked = Asked(paths, [str(study.work / "test.jsonl")])
    tuning = TuneOptions(lr=options.lr)
    tokens = int(options.steps * tuning.batch_size * mean_tokens)
    how = TrialOptions(seeds=options.seeds, tokens=tokens, accuracy=options.test_n)
    outcome = run_trial(study.place, ModelSource(str(target)), asked, how, tuning)
    print("\n".join([*outcome.summary["verdict"], str(outcome.run / "trial.html")]))


def main() -> None:
    parser = tuning_parser(__doc__, model="the model that scores")
    parser.add_argument("--read-once", action="store_true", help=f"also the arm '{ONCE}'")
    parser.add_argument("--trial", action="store_true", help="by `workbench trial`")
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    study.asked(options)
    test = write_problems(study.work / "test.jsonl", options.test_n, seed=1)
    write_problems(study.work / "pool.jsonl", options.pool_n, seed=2, without=test)
    target = weakened_copy(options.model, options.noise)
    scores = scores_of(study, ModelSource(options.model), str(study.work / "pool.jsonl"))
    if options.trial:
        trial(study, target, scores, options)
        return
    answers = Answers(study.work / "answers.json")
    answers.of("untuned", 0, lambda: right_answers(target, str(study.work / "test.jsonl")))
    for seed in range(options.seeds):
        for name in [*ARMS, MATCHED, *([ONCE] if options.read_once else [])]:
            steps = options.pool_n // 8 if name == ONCE else None

            def work(name: str = name, seed: int = seed, steps: int | None = steps) -> list[bool]:
                export = export_of(study, name, seed=seed, scores=scores)
                return answers_after(study, target, export, options, seed=seed, steps=steps)

            answers.of(name, seed, work)
    report = against(answers.by_arm(), "random")
    text = table(report, options.seeds)
    print(text)
    if not options.dry:
        study.report({"model": options.model, "arms": report}, text, name="arms")
        study.figure(plot(report), "arms")


if __name__ == "__main__":
    main()
