"""Constructive Circuit Amplification as runs, first half: pivotal tokens, and the mask.

pivots = run_localize(place, source, ["generated"], LocalizeOptions(where="n_steps=5..8"))
mask = run_mask(place, source, pivots.run / PIVOTS, MaskOptions())
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.amplification import (
    LOCALIZE,
    NORMALISED_WARNING,
    OK,
    REASONS,
    MaskOptions,
    PivotOptions,
    Problem,
    Where,
    allowed_length,
    draw_rows,
    find_pivots,
    has_normalised_queries,
    learn_mask,
    mask_summary,
    parse_where,
    pivots_table,
    plain_network,
    problems_of,
    read_examples,
    read_pivots,
)
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.execute.request import (
    ModelSource,
    Outcome,
    Place,
    data_inputs,
    loaded_facts,
    read_usable,
)
from workbench.models import Model
from workbench.runs import Run, RunSpec, open_run, read_manifest
from workbench.types import Progress, Sample

PIVOTS, LOCALIZED = "pivots.parquet", "pivots.json"
MASK = "mask.json"
# Problems traced together. Results do not depend on it, but resuming loses no more than one shard.
SHARD = 128


@dataclass(frozen=True)
class LocalizeOptions:
    """Which problems, and how their traces are drawn; see `workbench.amplification.PivotOptions`.

    `where` chooses the task's rows (`n_steps=5..8`), `label` is a column that results are broken
    down by (default: that of `where`). `max_new_tokens` None: a quarter more than the longest
    given solution.
    """

    rule: str = "prefix"
    n: int = 300
    n_samples: int = 10
    hot: float = 1.2
    cool: float = 0.8
    where: str | None = None
    label: str | None = None
    max_new_tokens: int | None = None
    seed: int = 0

    @property
    def task(self) -> Where | None:
        return parse_where(self.where) if self.where else None

    @property
    def label_column(self) -> str | None:
        return self.label or (self.task.column if self.task else None)

    def spending(self, problems: Sequence[Problem]) -> PivotOptions:
        """The same in the words of `find_pivots`."""
        return PivotOptions(
            max_new_tokens=self.max_new_tokens or allowed_length(problems),
            rule=self.rule,
            n_samples=self.n_samples,
            hot=self.hot,
            cool=self.cool,
            seed=self.seed,
        )


def run_localize(
    place: Place, source: ModelSource, data: Sequence[str], options: LocalizeOptions
) -> Outcome:
    """Find the pivotal tokens of `n` problems, shard by shard."""
    spec = RunSpec(
        "amplify-localize",
        config=dataclasses.asdict(options),
        inputs={**data_inputs(data), "model": source.fingerprint()},
        result_name=LOCALIZED,
        model=source.manifest(),
        details={"data": list(data)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            _localize(run, place, source, data, options)
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def _localize(
    run: Run, place: Place, source: ModelSource, data: Sequence[str], options: LocalizeOptions
) -> None:
    left_out: Counter[str] = Counter()
    samples = task_rows(data, LOCALIZE, n=options.n, seed=options.seed, where=options.task)
    model = network_of(source)
    problems = checkable(model, samples, label=options.label_column, left_out=left_out)
    pivoting = options.spending(problems)
    shards = [problems[i : i + SHARD] for i in range(0, len(problems), SHARD)]
    tell = telling(run, place)
    for index, shard in enumerate(shards):
        if not run.has_part(index):
            run.write_part(index, pivots_table(model, find_pivots(model, shard, pivoting)))
        tell(index + 1, len(shards), f"traced {len(shard)} problems")
    run.merge_parts(PIVOTS, n_parts=len(shards))
    rows = read_pivots(run.path / PIVOTS)
    counts = Counter(row["status"] for row in rows)
    summary = {
        "schema": 1,
        "model": base_facts(source),
        "data": list(data),
        "where": options.where,
        "label": options.label_column,
        "rule": options.rule,
        "seed": options.seed,
        "max_new_tokens": pivoting.max_new_tokens,
        "n_problems": len(rows),
        "greedy_right": sum(row["greedy_right"] for row in rows) / len(rows),
        "counts": dict(sorted(counts.items())),
        "reasons": {status: REASONS[status] for status in sorted(counts) if REASONS[status]},
        "left_out": dict(sorted(left_out.items())),
        "n_pivots": counts[OK],
        "mean_sampled": sum(row["n_sampled"] for row in rows) / len(rows),
    }
    run.finish_json(LOCALIZED, summary, counts=counts)


def run_mask(place: Place, source: ModelSource, pivots_path: Path, options: MaskOptions) -> Outcome:
    """Learn the mask on the pivotal tokens of a localize run."""
    check_model_of(read_parent(pivots_path.with_name(LOCALIZED)), source)
    spec = RunSpec(
        "amplify-mask",
        config=dataclasses.asdict(options),
        inputs={"pivots": file_digest(pivots_path), "model": source.fingerprint()},
        result_name=MASK,
        parents=(pivots_path.parent.name,),
        model=source.manifest(),
        details={"data": data_of(pivots_path)},
    )
    with open_run(place.runs, spec) as run:
        reused = run.finished
        if not reused:
            examples = read_examples(pivots_path)
            model = source.load()
            found = learn_mask(model, examples, options, on_progress=telling(run, place))
            warnings = [NORMALISED_WARNING] if has_normalised_queries(model) else []
            run.write_json("model.json", loaded_facts(model))
            summary = mask_summary(
                found, options, model=model.info, n_examples=len(examples), warnings=warnings
            )
            run.finish_json(MASK, summary, counts={"ok": len(examples)})
    return Outcome(run.path, run.result, reused, json.loads(run.result.read_text()))


def telling(run: Run, place: Place) -> Progress:
    """Progress to the run's events and to whoever is watching."""

    def tell(done: int, total: int, text: str) -> None:
        run.event(done, total, text)
        place.on_progress(done, total, text)

    return tell


def task_rows(
    data: Sequence[str], part: str, *, n: int, seed: int, where: Where | None
) -> list[Sample]:
    """Rows of the task in one part of the data."""
    return draw_rows(read_usable(data), part, n=n, seed=seed, where=where)


def checkable(
    model: Model,
    samples: Sequence[Sample],
    *,
    label: str | None,
    left_out: Counter[str] | None = None,
) -> list[Problem]:
    """The samples as problems; InputError if no answer can be checked."""
    problems = problems_of(model, samples, label=label, left_out=left_out)
    if not problems:
        raise InputError(
            f"none of the {len(samples)} rows has an answer that can be checked",
            expected="rows with a marked answer (####, boxed) or a column 'answer'",
            do="pass other data",
        )
    return problems


def pinned(source: ModelSource) -> str:
    """The model's name with the commit looked up, not what a branch may point at by now."""
    revision = source.find()[1]
    return f"{source.name.partition('@')[0]}@{revision}" if revision else source.name


def network_of(source: ModelSource) -> Model:
    """The checkpoint without hooks."""
    if source.device_map is not None or source.quantize is not None:
        raise InputError(
            "the weights are spread over devices or packed",
            expected="whole weights on one device",
            do="leave out --device-map and --quantize",
        )
    return plain_network(
        pinned(source), device=source.device, dtype=source.dtype, template=source.template
    )


def base_facts(source: ModelSource) -> dict[str, Any]:
    """Which model this is; one from a folder goes by the folder's name."""
    base = source.manifest()
    return base if base["revision"] else {**base, "id": Path(base["id"]).name}


def read_parent(path: Path) -> dict[str, Any]:
    """The JSON result of an earlier stage."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(
            f"'{path}' cannot be read ({type(err).__name__})",
            expected="the result of an earlier stage of `workbench amplify`",
            do="run that stage again, or pass its run folder",
        ) from err


def check_model_of(content: Mapping[str, Any], source: ModelSource) -> None:
    """Raise InputError unless `source` is the model that an earlier stage worked on."""
    expected = content.get("model", {}).get("weights_sha256", "")
    given = source.fingerprint()["weights_sha256"]
    if expected != given:
        raise InputError(
            f"the model '{source.name}' has weights {given[:12]}",
            expected=f"weights {expected[:12]}, with which the earlier stage was run",
            do="pass the same model, or run the earlier stages on this one",
        )


def data_of(result: Path) -> list[str]:
    """The data that a run's result was made from."""
    return list(read_manifest(result.parent)["details"].get("data", []))


def parent_of(result: Path, name: str) -> Path:
    """The file `name` of the run that a run's result was made from, which lies beside it."""
    for parent in read_manifest(result.parent)["parents"]:
        if (path := result.parent.parent / parent / name).is_file():
            return path
    raise InputError(
        f"the run '{result.parent.name}' was made from a run with {name} that is not beside it",
        expected=f"both in '{result.parent.parent}'",
        do="run the earlier stages again with the same --runs",
    )
