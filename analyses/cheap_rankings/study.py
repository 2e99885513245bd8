"""Do rankings of heads that cost a few passes name the heads that matter when each is taken away?

    python -m analyses.cheap_rankings.study

Ranks all heads by gradients at three places on the way to uniform attention and by how many
directions their outputs take, and holds that against exact importance under two kinds of ablation.
Writes `results/` and the README's table; `--model` takes any model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from analyses.shared import Study, number, say
from workbench.ablation import KINDS, iter_importance, iter_screen, prepare
from workbench.circuits import n_selected
from workbench.data import batches_by_length, draw, read_usable
from workbench.engines import Engine, choose_engine
from workbench.models import Rendered, padded
from workbench.probe import usable_samples
from workbench.scoring import spearman
from workbench.stages import ModelSource

EXACT = {"uniform": "disruption", "mean": "contribution"}
# Middles of five equal parts of the way from a head's output to its output when uniform.
WAYS = (0.1, 0.3, 0.5, 0.7, 0.9)
N_RESAMPLES = 200
Values = Float64[np.ndarray, "sample all_heads"]


def participation_ratio(outputs: Float[Tensor, "pos d_head"]) -> float:
    """Directions that a head's output takes over a text: `(sum l)^2 / sum l^2`, l its variances.

    From 1, one direction, to the width of a head (arXiv 2605.24059); 0 where nothing varies.
    """
    centred = outputs.double() - outputs.double().mean(dim=0)
    covariance = centred.T @ centred
    squared = float((covariance**2).sum())
    return float(covariance.trace()) ** 2 / squared if squared > 0 else 0.0


def output_ratios(engine: Engine, rendered: Sequence[Rendered]) -> tuple[Values, Values]:
    """Participation ratio and mean length of every head's output on every row, a row at a time."""
    model = engine.model
    shape = (len(rendered), model.n_layers, model.n_heads)
    ratios, norms = np.empty(shape), np.empty(shape)
    for row, one in enumerate(rendered):
        ids = padded([one.ids], model.pad_id)
        with torch.no_grad():
            by_layer = engine.outputs(ids, range(model.n_layers))
        for layer, outputs in by_layer.items():
            for head in range(model.n_heads):
                ratios[row, layer, head] = participation_ratio(outputs[0, :, head])
            norms[row, layer] = outputs[0].norm(dim=-1).mean(dim=0).cpu().numpy()
        say(row + 1, len(rendered), "outputs of rows")
    return flat(ratios), flat(norms)


def flat(values: np.ndarray) -> Values:
    return values.reshape(len(values), -1)


def exact(engine: Engine, rendered: Sequence[Rendered], kind: str, tokens: int) -> Values:
    """What taking each head away costs, on every row."""
    ablation = prepare(engine, KINDS[kind], rendered, seed=0)

    def passes(batches: Sequence[Sequence[int]]) -> Any:
        return iter_importance(
            engine, rendered, batches=batches, ablation=ablation, on_progress=say
        )

    return _in_order(passes, rendered, tokens)


def gradients(engine: Engine, rendered: Sequence[Rendered], way: float, tokens: int) -> Values:
    """The first-order estimate of every head, with the gradient taken at `way`."""

    def passes(batches: Sequence[Sequence[int]]) -> Any:
        return iter_screen(engine, rendered, batches=batches, way=way, on_progress=say)

    return _in_order(passes, rendered, tokens)


def _in_order(passes: Callable[..., Any], rendered: Sequence[Rendered], tokens: int) -> Values:
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=tokens)
    found: dict[int, np.ndarray] = {}
    for batch in passes(batches):
        found |= dict(zip(batch.indices, batch.deltas, strict=True))
    return flat(np.array([found[i] for i in range(len(rendered))]))


def rankings(engine: Engine, rendered: Sequence[Rendered], tokens: int) -> dict[str, Values]:
    """Every cheap ranking by its name, higher first."""
    by_way = {way: gradients(engine, rendered, way, tokens) for way in (0.0, *WAYS)}
    ratios, norms = output_ratios(engine, rendered)
    chance = np.random.default_rng(0).random(ratios.shape[1])
    return {
        "gradient as it is": by_way[0.0],
        "gradient half way (screen)": by_way[0.5],
        "integrated gradients, 5 places": np.mean([by_way[way] for way in WAYS], axis=0),
        "participation ratio of the output": ratios,
        "participation ratio, least first": -ratios,
        "length of the output": norms,
        "chance": np.broadcast_to(chance, ratios.shape),
    }


def held_against(cheap: Values, reference: Values) -> dict[str, float | None]:
    """Rank correlation over all heads, and how much of the exact top the cheap one names."""
    a, b = cheap.mean(axis=0), reference.mean(axis=0)
    n_top = n_selected(len(b), 0.05, min_heads=3)
    top = set(np.argsort(-b, kind="stable")[:n_top].tolist())
    order = np.argsort(-a, kind="stable").tolist()
    quarter = max(n_top, len(b) // 4)
    return {
        "rank": spearman(a, b),
        "same_top": len(top & set(order[:n_top])) / n_top,
        "in_quarter": len(top & set(order[:quarter])) / n_top,
    }


def with_interval(cheap: Values, reference: Values) -> dict[str, Any]:
    """The same, and the range of 95 % of the rank correlations on rows drawn again."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(cheap), len(cheap)) for _ in range(N_RESAMPLES)]
    ranks = [spearman(cheap[rows].mean(axis=0), reference[rows].mean(axis=0)) for rows in drawn]
    low, high = np.quantile([rank for rank in ranks if rank is not None], (0.025, 0.975))
    return {**held_against(cheap, reference), "low": float(low), "high": float(high)}


def table(report: dict[str, Any]) -> str:
    """One row a ranking, the columns of each kind of ablation beside each other."""
    titles = [f"{name}: rank | top | quarter" for name in EXACT.values()]
    lines = [
        f"`{report['model']}`, {report['n']} rows of `{report['data']}`, {report['n_heads']} "
        f"heads, the exact top {report['n_top']}; rank correlation with its 95 % interval over "
        "rows, share of the top that a ranking has in its own top, and in its first quarter:",
        "",
        f"| ranking | {' | '.join(titles)} |",
        "|---|" + "--:|" * 3 * len(EXACT),
    ]
    for name, by_kind in report["rankings"].items():
        cells = [
            f"{number(found['rank'])} ({number(found['low'])} .. {number(found['high'])}) | "
            f"{found['same_top']:.0%} | {found['in_quarter']:.0%}"
            for found in by_kind.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(report: dict[str, Any]) -> go.Figure:
    """Rank correlations with their intervals."""
    figure = go.Figure()
    names = list(report["rankings"])
    for kind in EXACT.values():
        found = [report["rankings"][name][kind] for name in names]
        ranks = [one["rank"] or 0.0 for one in found]
        error = {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, one["high"] - r) for one, r in zip(found, ranks, strict=True)],
            "arrayminus": [max(0.0, r - one["low"]) for one, r in zip(found, ranks, strict=True)],
        }
        figure.add_bar(name=f"exact {kind}", y=names, x=ranks, error_x=error, orientation="h")
    figure.update_layout(
        template="plotly_white",
        barmode="group",
        height=480,
        title="Cheap rankings of heads against exact importance",
        xaxis_title="rank correlation over all heads",
        yaxis={"autorange": "reversed"},
    )
    return figure


def study_of(options: argparse.Namespace) -> dict[str, Any]:
    model = ModelSource(options.model, device="cpu").load()
    engine = choose_engine(model, "auto")
    rows = draw(read_usable([options.data]), options.n, 0)
    rendered = list(usable_samples(model, rows).values())
    references = {
        name: exact(engine, rendered, kind, options.batch_tokens) for kind, name in EXACT.items()
    }
    cheap = rankings(engine, rendered, options.batch_tokens)
    n_heads = model.n_layers * model.n_heads
    return {
        "model": options.model,
        "data": options.data,
        "n": len(rendered),
        "n_heads": n_heads,
        "n_top": n_selected(n_heads, 0.05, min_heads=3),
        "rankings": {
            name: {kind: with_interval(values, exact) for kind, exact in references.items()}
            for name, values in cheap.items()
        },
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--data", default="gsm8k")
    parser.add_argument("--n", type=int, default=40, help="rows, drawn by chance")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the table and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    report = study_of(options)
    text = table(report)
    print(text)
    if not options.dry:
        study.report(report, text, name="rankings")
        study.figure(plot(report), "rankings")


if __name__ == "__main__":
    main()
