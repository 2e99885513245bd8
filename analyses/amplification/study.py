"""Does strengthening what decides a failing task mend it, and what else does it change?

    python -m analyses.amplification.study

For each seed: pivotal tokens, a mask for each price, an update of each; the price and the step
size are chosen on validation problems alone. Then one report on held-out problems, with controls.
Writes `results/` and the README's tables. Every finished piece is kept: running it again resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analyses.shared import Study
from analyses.transfer import transfer, transfer_table
from workbench.amplification import KINDS, MaskOptions, UpdateOptions
from workbench.figures import gain_bars, level_bars
from workbench.models import find_model
from workbench.reports import RESULT_COLUMNS, results_rows
from workbench.stages import (
    LocalizeOptions,
    ModelSource,
    Outcome,
    ReportOptions,
    run_localize,
    run_mask,
    run_report,
    run_update,
)

# What --quick looks at instead: enough to see that everything runs, too little to find anything.
QUICK: dict[str, Any] = {
    "seeds": [0, 1],
    "n": 24,
    "samples": 3,
    "l1": [0.02, 0.1],
    "epochs": 6,
    "lr": [1e-3],
    "lora_lr": [2e-4],
    "steps": 4,
    "every": 2,
    "validation_n": 8,
    "test_n": 12,
    "n_other": 6,
    "text_n": 4,
    "retrieval_n": 2,
    "dry": True,
}


def tried(study: Study, source: ModelSource, seed: int, options: argparse.Namespace) -> list[dict]:
    """One seed: its pivotal tokens, and for every price the mask and its update."""
    asked = LocalizeOptions(n=options.n, n_samples=options.samples, where=options.where, seed=seed)
    pivots = run_localize(study.place, source, options.data, asked)
    found = []
    for l1 in options.l1:
        masking = MaskOptions(l1=l1, epochs=options.epochs, seed=seed)
        mask = run_mask(study.place, source, pivots.run / "pivots.parquet", masking)
        if not mask.summary["n_kept"]:
            continue
        updating = UpdateOptions(
            steps=options.steps,
            lrs=tuple(options.lr),
            every=options.every,
            validation_n=options.validation_n,
            seed=seed,
        )
        update = run_update(study.place, source, mask.result, updating)
        found.append({"l1": l1, "pivots": pivots, "mask": mask, "update": update})
    return found


def choose(found: Sequence[dict]) -> dict:
    """The price whose update answers most validation problems; of equal ones the highest."""
    return max(found, key=lambda one: (one["update"].summary["validation"]["after"], one["l1"]))


def row_of(seed: int, one: dict, *, is_chosen: bool) -> dict[str, Any]:
    """What the table of prices says of one."""
    pivots, mask, update = (one[name].summary for name in ("pivots", "mask", "update"))
    return {
        "seed": seed,
        "l1": one["l1"],
        "n_pivots": pivots["n_pivots"],
        "n_problems": pivots["n_problems"],
        "greedy_right": pivots["greedy_right"],
        "kept": mask["counts"],
        "share": mask["share"],
        "difference_before": mask["difference_before"],
        "difference_after": mask["difference_after"],
        "validation_n": update["validation"]["n"],
        "validation_before": update["validation"]["before"],
        "validation_after": update["validation"]["after"],
        "step": update["best"]["step"],
        "lr": update["best"]["lr"],
        "is_chosen": is_chosen,
    }


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def prices_table(rows: Sequence[dict[str, Any]]) -> str:
    """Every seed and price: what the mask keeps, and validation before and after."""
    cells = [
        [
            f"{row['seed']}{' *' if row['is_chosen'] else ''}",
            f"{row['n_pivots']} of {row['n_problems']}",
            f"{row['l1']:g}",
            " / ".join(str(row["kept"][kind]) for kind in KINDS),
            f"{row['share']:.2%}",
            f"{row['difference_before']:+.2f} to {row['difference_after']:+.2f}",
            f"{row['validation_before']:.1%} to {row['validation_after']:.1%}",
            f"{row['step']} x {row['lr']:g}" if row["step"] else "none",
        ]
        for row in rows
    ]
    header = ["seed", "pivots", "l1", " / ".join(KINDS), "kept"]
    return table_of(
        [*header, "logit difference", f"validation ({rows[0]['validation_n']})", "steps"], cells
    )


def operations_table(report: dict[str, Any]) -> str:
    """Calculations written right in given solutions, before and after; means over the seeds."""
    before, after = report["base"]["operations"], report["variants"]["mask"]
    cells = []
    for name, of_base in before.items():
        shares = [m["operations"][name]["right"] / of_base["n"] for m in after]
        cells.append(
            [
                f"`{name}`",
                str(of_base["n"]),
                f"{of_base['right'] / of_base['n']:.1%}",
                f"{sum(shares) / len(shares):.1%}",
            ]
        )
    return table_of(["operation", "calculations", "before", "masked update"], cells)


def text_of(
    rows: Sequence[dict[str, Any]], report: dict[str, Any], transferred: list[dict[str, Any]]
) -> str:
    overlap = report["mask_overlap"]
    parts = [
        report["verdict"],
        "Prices tried; * is chosen on validation.",
        prices_table(rows),
        "Held-out problems, means over the seeds.",
        table_of(RESULT_COLUMNS, results_rows(report)),
        "Calculations in given solutions.",
        operations_table(report),
        "Pivotal tokens at which the right token is preferred to the wrong one, before and after "
        "updates that changed anything: those learnt from, and those of problems not looked at.",
        table_of(["update", "updates", "own", "of other problems"], transfer_table(transferred)),
    ]
    if overlap is not None:
        parts.append(f"Two seeds' masks share {overlap:.0%} of their components (Jaccard).")
    return "\n\n".join(parts) + "\n"


def report_on(
    study: Study, source: ModelSource, chosen: Sequence[dict], options: argparse.Namespace
) -> Outcome:
    asked = ReportOptions(
        n=options.test_n,
        n_other=options.n_other,
        text_n=options.text_n,
        retrieval_n=options.retrieval_n,
        lora_lrs=tuple(options.lora_lr),
    )
    updates = [one["update"].result for one in chosen]
    return run_report(study.place, source, updates, asked)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", nargs="+", default=["generated"])
    parser.add_argument("--where", default="n_steps=5..8")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--n", type=int, default=250, help="problems traced, a seed")
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--l1", type=float, nargs="+", default=[0.02, 0.1])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--lr", type=float, nargs="+", default=[3e-4, 3e-3])
    parser.add_argument("--lora-lr", type=float, nargs="+", default=[2e-4, 1e-3])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--every", type=int, default=25)
    parser.add_argument("--validation-n", type=int, default=100)
    parser.add_argument("--test-n", type=int, default=200)
    parser.add_argument("--n-other", type=int, default=100)
    parser.add_argument("--text-n", type=int, default=50)
    parser.add_argument("--retrieval-n", type=int, default=40)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--quick", action="store_true", help="minutes; implies --dry")
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    return options


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    source = ModelSource(options.model, device=options.device)
    rows, chosen = [], []
    for seed in options.seeds:
        found = tried(study, source, seed, options)
        if not found:
            raise SystemExit(f"no mask of seed {seed} keeps a component: pass smaller --l1")
        chosen.append(choose(found))
        rows += [row_of(seed, one, is_chosen=one is chosen[-1]) for one in found]
    report = dict(report_on(study, source, chosen, options).summary)
    transferred = transfer(study.place.runs, find_model(options.model)[0])
    text = text_of(rows, report, transferred)
    print(text)
    if not options.dry:
        # Row by row it stays in the run; what is kept here is small.
        kept = {k: v for k, v in report.items() if k not in ("problems", "masks")}
        study.report(
            {"prices": rows, "report": kept, "transfer": transferred}, text, name="amplification"
        )
        study.figure(gain_bars(report), "gain")
        study.figure(level_bars(report), "levels")


if __name__ == "__main__":
    main()
