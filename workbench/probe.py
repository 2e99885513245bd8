"""Probe sets: the few hundred samples a circuit is looked for on.

probe = build_probe(engine, samples, n=3, strategy="highest-loss", trim=0.25)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from workbench.data import batches_by_length, draw, label_text
from workbench.engines import Engine, sample_losses
from workbench.errors import InputError
from workbench.models import Rendered, TextModel, UnrenderableError, render
from workbench.types import ProbeSet, Progress, Sample, no_progress

Losses = Callable[..., Float64[np.ndarray, " sample"]]
"""What `sample_losses` is: batches of samples as mean losses."""
STRATEGIES = ("highest-loss", "random", "stratified")
STRATA = ("level", "n_steps", "subject", "source")


def build_probe(
    engine: Engine,
    samples: Sequence[Sample],
    *,
    n: int = 300,
    strategy: str = "highest-loss",
    trim: float = 0.0,
    by: str | None = None,
    seed: int = 0,
    batch_tokens: int = 2048,
    left_out: Counter[str] | None = None,
    losses_of: Losses = sample_losses,
    on_progress: Progress = no_progress,
) -> ProbeSet:
    """Choose `n` samples of a pool (docs/methods.md, Probes; the paper takes 300 of high loss).

    `highest-loss` ranks by the reference model's loss on the solution and leaves out the worst
    share `trim`, which are often broken items; `random` and `stratified` (equal numbers of each
    value of column `by`) are controls. Rows that do not fit the model or have no solution are left
    out, and counted by reason in `left_out`; none is ever cut. Losses are taken by `losses_of`.
    Raises InputError when fewer than `n` usable rows are left.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"the probe strategy is '{strategy}'", expected=" or ".join(STRATEGIES))
    if not 0 <= trim < 1:
        raise InputError(f"trim is {trim}", expected="a share of 0 or more and below 1")
    if n < 1:
        raise InputError(f"the probe size is {n}", expected="at least 1")
    left_out = Counter() if left_out is None else left_out
    usable = usable_samples(engine.model, samples, left_out=left_out)
    left = len(usable) - (int(trim * len(usable)) if strategy == "highest-loss" else 0)
    if left < n:
        why = "".join(f" (most often: {reason})" for reason, _ in left_out.most_common(1))
        raise InputError(
            f"{n} probe samples were asked for and {left} of {len(samples)} rows are usable{why}",
            expected="rows with a solution that fit the model's context",
            do=f"pass --n {left} or less, or more data" if left else "pass other data",
        )
    rows = list(usable)
    if strategy == "highest-loss":
        losses = losses_of(
            engine,
            [usable[i] for i in rows],
            batches=batches_by_length([len(usable[i].ids) for i in rows], max_tokens=batch_tokens),
            on_progress=on_progress,
        )
        order = np.lexsort((np.array(rows), -losses))[int(trim * len(rows)) :][:n]
        return ProbeSet(
            samples=tuple(samples[rows[i]] for i in order),
            strategy=strategy,
            seed=seed,
            trim=trim,
            losses=tuple(float(losses[i]) for i in order),
        )
    rng = np.random.default_rng(seed)
    if strategy == "random":
        chosen = sorted(rng.permutation(rows)[:n].tolist())
    else:
        chosen = _stratified(rng, {i: samples[i] for i in rows}, n=n, by=by)
    return ProbeSet(tuple(samples[i] for i in chosen), strategy=strategy, seed=seed)


def usable_samples(
    model: TextModel, samples: Sequence[Sample], *, left_out: Counter[str] | None = None
) -> dict[int, Rendered]:
    """Index to tokens of the rows that a loss can be taken on: counted tokens, and short enough.

    The others are counted by reason in `left_out`.
    """
    usable = {}
    for i, sample in enumerate(samples):
        try:
            usable[i] = _with_loss(model, sample)
        except UnrenderableError as err:
            if left_out is not None:
                left_out[str(err)] += 1
    return usable


def _with_loss(model: TextModel, sample: Sample) -> Rendered:
    rendered = render(sample, model.tokenizer)
    if len(rendered.ids) > model.n_ctx:
        raise UnrenderableError(f"longer than the model's context of {model.n_ctx} tokens")
    if not rendered.counted("completion")[1:].any():
        raise UnrenderableError("no tokens of a solution")
    return rendered


def rendered_probe(model: TextModel, probe: ProbeSet) -> list[Rendered]:
    """Tokens of every probe sample; InputError if `model` cannot take a loss on all of them."""
    usable = usable_samples(model, probe.samples)
    unusable = [s.row_id for i, s in enumerate(probe.samples) if i not in usable]
    if unusable:
        raise InputError(
            f"{len(unusable)} of {len(probe.samples)} probe rows cannot be used with the model "
            f"{model.info.id}, the first is '{unusable[0]}'",
            expected="rows with a solution that fit the model's context and template",
            do="build the probe with this model",
        )
    return list(usable.values())


def _stratified(
    rng: np.random.Generator, samples: Mapping[int, Sample], *, n: int, by: str | None
) -> list[int]:
    """Equal numbers of every stratum, as far as it has rows; the rest from what is left."""
    column = by or next((c for c in STRATA if len(_strata(samples, c)) > 1), None)
    if column is None or not _strata(samples, column):
        raise InputError(
            f"no column '{by}' to stratify by" if by else "no column to stratify by",
            expected=f"a column with several values, such as {', '.join(STRATA)}",
            do="pass --by COLUMN or another --strategy",
        )
    strata = _strata(samples, column)
    queues = [rng.permutation(strata[key]).tolist() for key in sorted(strata)]
    chosen: list[int] = []
    while len(chosen) < n:
        for queue in queues:
            if queue and len(chosen) < n:
                chosen.append(queue.pop())
    return sorted(chosen)


def _strata(samples: Mapping[int, Sample], column: str) -> dict[str, list[int]]:
    strata: dict[str, list[int]] = {}
    for i, sample in samples.items():
        value = sample.source if column == "source" else sample.row.get(column)
        if value is not None:
            strata.setdefault(label_text(value), []).append(i)
    return strata


def no_control(left_out: Counter[str], name: str = "") -> InputError:
    """What to say of control data of which no row is left, all having been counted."""
    of = f" of '{name}'" if name else ""
    why = "; ".join(f"{n}: {reason}" for reason, n in left_out.most_common())
    return InputError(
        f"none of the {left_out.total()} control rows{of} can be used ({why})",
        expected="text, or prompts with their completion, that fits the model's context",
    )


def control_probe(model: TextModel, samples: Sequence[Sample], *, n: int, seed: int) -> ProbeSet:
    """A random draw of the rows that a loss can be taken on; InputError if there is none."""
    left_out: Counter[str] = Counter()
    usable = usable_samples(model, samples, left_out=left_out)
    if not usable:
        raise no_control(left_out)
    chosen = draw([samples[i] for i in usable], n, seed)
    return ProbeSet(tuple(chosen), strategy="random", seed=seed)
