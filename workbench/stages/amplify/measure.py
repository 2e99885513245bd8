"""One model of an amplification measured: right answers, calculations, plain text, retrieval.

texts = TaskData(("text",))
held_out = read_held_out(source, options, localized, TaskData(("generated",)), texts)
measure("math-tiny", source, held_out, options, batch_tokens=2**16)["right"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.amplification import (
    TEST,
    Problem,
    answers_of,
    calculations,
    draw_rows,
    outside,
    part_of,
    plain_network,
    retrieval,
    text_loss,
)
from workbench.data import Tally
from workbench.engines import choose_engine
from workbench.errors import InputError
from workbench.models import ModelSource, load_model
from workbench.options import CONTROL, ReportOptions
from workbench.stages.amplify.chain import TaskData, answerable_problems, network_of, where_of
from workbench.types import Sample


@dataclass(frozen=True)
class HeldOut:
    """What every model is measured on; `tokens` says how rows become tokens."""

    problems: list[Problem]
    samples: list[Sample]
    texts: list[Sample]
    sentences: list[str]
    max_new_tokens: int
    tokens: Mapping[str, Any]
    readings: Mapping[str, Mapping[str, Any]]


def read_held_out(
    source: ModelSource,
    options: ReportOptions,
    localized: Mapping[str, Any],
    data: TaskData,
    control: TaskData,
) -> HeldOut:
    """Problems of the task first, then the others."""
    tally, beside = Tally(), Tally(whose=CONTROL)
    samples = data.samples(tally)
    where = where_of(localized)
    rows = draw_rows(samples, TEST, n=options.n, seed=options.seed, where=where)
    others = [sample for sample in outside(samples, where) if part_of(sample.row_id) == TEST]
    if options.n_other and others:
        rows += draw_rows(others, TEST, n=options.n_other, seed=options.seed)
    network = network_of(source)
    by_id = {row.row_id: row for row in rows}
    problems = answerable_problems(network, rows, label=localized["label"])
    if where and not any(where.holds(by_id[problem.row_id]) for problem in problems):
        raise InputError(
            f"none of the held-out rows with {where} has an answer that can be checked",
            expected="at least one",
            do="pass more rows with --data",
        )
    texts = control.samples(beside) if options.text_n or options.retrieval_n else []
    held_out = draw_rows(texts, TEST, n=options.text_n, seed=options.seed) if options.text_n else []
    readings = {"read": tally.summary()}
    if texts:
        readings["read_control"] = beside.summary()
    return HeldOut(
        problems=problems,
        samples=[by_id[problem.row_id] for problem in problems],
        texts=held_out,
        sentences=[text.prompt for text in texts],
        max_new_tokens=int(localized["max_new_tokens"]),
        tokens=network.facts,
        readings=readings,
    )


def measure(
    name: str, source: ModelSource, test: HeldOut, options: ReportOptions, *, batch_tokens: int
) -> dict[str, Any]:
    """Answers by decoding, everything else by one pass a sample."""
    how: dict[str, Any] = {
        "device": source.device,
        "dtype": source.dtype,
        "template": source.template,
    }
    network = plain_network(name, **how)
    right = answers_of(
        network,
        test.problems,
        max_new_tokens=test.max_new_tokens,
        batch_tokens=batch_tokens,
    )[1]
    del network  # or its weights would lie beside the same ones again
    engine = choose_engine(load_model(name, check=False, **how))
    n_documents = options.retrieval_n
    return {
        "right": right,
        "operations": calculations(engine, test.samples),
        "text_loss": text_loss(engine, test.texts) if test.texts else None,
        "retrieval": retrieval(engine, test.sentences, n=n_documents, limit=options.retrieval_limit)
        if n_documents
        else None,
    }
