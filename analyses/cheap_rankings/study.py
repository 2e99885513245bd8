"""Do rankings that cost a few passes name the heads that exact importance names?

    python -m analyses.cheap_rankings.study                  # both models; resumes

Gradients at three places on the way from a head's output to what it would be if uniform, and the
spread of its outputs, held against every head made uniform, and at its mean. Writes `results/` and
the README's table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64
from plotly.subplots import make_subplots

from analyses.shared import Study, number
from workbench.ablation import iter_screen
from workbench.circuits import head_spread, n_selected
from workbench.data import batches_by_length
from workbench.engines import Engine, choose_engine
from workbench.models import Rendered, load_model
from workbench.probe import rendered_probe
from workbench.scoring import spearman
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    read_importance,
    read_probe,
    run_heads,
    run_probe,
)

# Model, pool, rows of the probe.
CASES = (("math-tiny", "generated", 40), ("smollm2-135m", "gsm8k", 8))
EXACT = ("uniform", "mean")
AT_Z, HALF_WAY, INTEGRATED = "gradient at z", "gradient half way", "gradient, four places"
SPREAD = "spread of outputs"
WAYS = {AT_Z: (0.0,), HALF_WAY: (0.5,), INTEGRATED: (0.125, 0.375, 0.625, 0.875)}
Ranking = Float64[np.ndarray, "layer head"]


def exact_deltas(study: Study, model: str, probe: Path) -> dict[str, Ranking]:
    """The mean loss increase of every head, by kind of ablation."""
    found = {}
    for kind in EXACT:
        run = run_heads(study.place, ModelSource(model), probe, HeadsOptions(ablation=kind))
        importance = read_importance(run.run)[0]
        assert importance is not None
        found[kind] = importance.deltas.mean(axis=0)
    return found


def gradients(engine: Engine, rendered: Sequence[Rendered], ways: Sequence[float]) -> Ranking:
    """Estimated deltas, the mean over `ways` and samples."""
    batches = batches_by_length([len(row.ids) for row in rendered], max_tokens=1024)
    deltas = [
        batch.deltas
        for way in ways
        for batch in iter_screen(engine, rendered, batches=batches, way=way)
    ]
    return np.concatenate(deltas).mean(axis=0)


def kept(study: Study, name: str, measure: Callable[[], Ranking]) -> Ranking:
    """Measured once, and read back when the study is run again."""
    path = study.work / f"{name.replace(' ', '-').replace(',', '')}.npy"
    if not path.exists():
        np.save(path, measure())
    return np.load(path, allow_pickle=False)


def cheap_rankings(study: Study, model: str, rendered: Sequence[Rendered]) -> dict[str, Ranking]:
    engine = choose_engine(load_model(model))
    found = {
        name: kept(study, f"{model} {name}", lambda ways=ways: gradients(engine, rendered, ways))
        for name, ways in WAYS.items()
    }
    found[SPREAD] = kept(study, f"{model} {SPREAD}", lambda: head_spread(engine, rendered))
    return found


def likeness(ranking: Ranking, exact: Ranking) -> dict[str, float | None]:
    """Rank correlation; how much of the exact top 5 % is in its top 5 % and in its top quarter."""
    order, wanted = np.argsort(-ranking, axis=None), np.argsort(-exact, axis=None)
    n_top = n_selected(exact.size, 0.05, min_heads=3)
    top = set(wanted[:n_top].tolist())
    shares = {
        name: len(top & set(order[:n].tolist())) / n_top
        for name, n in (("top", n_top), ("quarter", exact.size // 4))
    }
    return {"rank": spearman(ranking.ravel().tolist(), exact.ravel().tolist()), **shares}


def table(case: Mapping[str, Any]) -> list[str]:
    lines = [
        f"**{case['model']}** on {case['n']} rows of {case['pool']}, {case['n_heads']} heads:",
        "",
        "| ranking | rank correlation, uniform | top 5 % found | in its top quarter "
        "| rank correlation, mean | top 5 % found | in its top quarter |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, of_kind in case["rankings"].items():
        cells = [
            f"{number(like['rank'])} | {like['top']:.0%} | {like['quarter']:.0%}"
            for like in of_kind.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def scatter(cases: Sequence[tuple[str, dict[str, Ranking], dict[str, Ranking]]]) -> go.Figure:
    """Every head: exact importance across, each cheap ranking upwards, by rank."""
    names = [*WAYS, SPREAD]
    titles = [f"{name}, {model}" for model, _, _ in cases for name in names]
    figure = make_subplots(len(cases), len(names), subplot_titles=titles)
    for row, (_, exact, cheap) in enumerate(cases, start=1):
        across = exact["uniform"].ravel().argsort().argsort() + 1
        for column, name in enumerate(names, start=1):
            upwards = cheap[name].ravel().argsort().argsort() + 1
            dots = go.Scatter(x=across, y=upwards, mode="markers", marker={"size": 4})
            figure.add_trace(dots, row=row, col=column)
    figure.update_xaxes(title="exact, uniform: rank from below")
    figure.update_layout(showlegend=False, height=360 * len(cases), template="plotly_white")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=[case[0] for case in CASES], help="one of the models")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    report, lines, drawn = [], [], []
    for model, pool, n in CASES:
        if options.only not in (None, model):
            continue
        probe = run_probe(
            study.place, ModelSource(model), [pool], ProbeOptions(n=n, strategy="random")
        )
        exact = exact_deltas(study, model, probe.result)
        rendered = rendered_probe(load_model(model), read_probe(probe.result))
        cheap = cheap_rankings(study, model, rendered)
        rankings = {
            name: {kind: likeness(ranking, exact[kind]) for kind in EXACT}
            for name, ranking in {**cheap, "exact, mean": exact["mean"]}.items()
        }
        case = {"model": model, "pool": pool, "n": n, "n_heads": exact["uniform"].size}
        report.append({**case, "rankings": rankings})
        lines += table(report[-1])
        drawn.append((model, exact, cheap))
    study.figure(scatter(drawn), "ranks", width=1300)
    study.report({"cases": report}, "\n".join(lines), name="rankings")


if __name__ == "__main__":
    main()
