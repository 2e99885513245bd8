"""Every method's record is complete and true: what it declares is what its function does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import workbench.scoring
from tests.scoring.test_score import row, text
from workbench.engines import ENGINES
from workbench.errors import InputError
from workbench.models import render
from workbench.options import check_options, records
from workbench.scoring import (
    SCORERS,
    VARIANTS,
    WEIGHTS,
    Method,
    ScoreRequest,
    check_rows,
    engine_for,
    own_records,
    score_shard,
)
from workbench.scoring.methods import air, circuitseer
from workbench.types import Circuit, Head

EVERY = pytest.mark.parametrize("method", SCORERS.values(), ids=list(SCORERS))


@pytest.fixture(scope="module")
def circuit(tiny_model):
    return Circuit((Head(1, 0), Head(2, 2)), tiny_model.info)


@EVERY
def test_a_record_says_what_a_reader_needs(method: Method):
    assert SCORERS[method.name] is method
    assert method.score.__module__.rpartition(".")[2] == method.name.replace("-", "_")
    assert len(method.measures) > 20
    assert len(method.bias) > 20
    assert method.bias.endswith(".")
    assert method.part in method.parts
    assert set(method.correlated) <= {"score", *method.columns}
    assert method.divisor is None or method.divisor[0] in method.columns
    own = {record.name for record in records(method.options)}
    assert own == {field.name for field in dataclasses.fields(method.options)}
    assert {*method.exported, *filter(None, [method.variant])} <= own
    assert not own & {record.name for record in records(ScoreRequest)}


def test_an_option_of_two_methods_is_the_same_option():
    every = [record for method in SCORERS.values() for record in records(method.options)]
    by_name = {record.name: record for record in every}
    assert all(by_name[record.name] == record for record in every)
    shown = {record.name: record.help for record in own_records()}
    assert set(shown) == set(by_name)
    assert shown["floor"] == "Least base loss that a rise is divided by; read by air."


@EVERY
def test_the_defaults_are_allowed_and_what_no_option_allows_is_refused(method: Method):
    check_options(method.options())
    for record in records(method.options):
        wrong = "nothing of the kind" if record.choices else float("nan")
        if record.kind is int and record.low is not None:
            wrong = int(record.low) - 1
        elif record.kind in (bool, int):
            continue
        with pytest.raises(InputError, match=f"the {record.name}.*; pass another {record.flag}"):
            ScoreRequest.of(method.name, **{record.name: wrong})


def test_words_spelled_out_for_a_light_import_are_those_of_the_formulas():
    assert tuple(VARIANTS) == circuitseer.VARIANTS
    assert tuple(WEIGHTS) == air.WEIGHTS
    assert records(ScoreRequest, "engine")[0].choices == ENGINES


def test_every_public_name_is_there_whether_light_or_heavy():
    for name in workbench.scoring.__all__:
        assert getattr(workbench.scoring, name) is not None
    heavy = [name for names in workbench.scoring.HEAVY.values() for name in names]
    assert len(set(heavy)) == len(heavy)
    assert set(heavy) < set(workbench.scoring.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        workbench.scoring.nothing  # noqa: B018


@EVERY
def test_the_columns_and_steps_found_are_those_declared(method: Method, tiny_model, circuit):
    rows = [row("a", "How many?", "He has 3 pens\nshe has 2"), row("b", "What?", "it is four")]
    request, rendered = (
        ScoreRequest.of(method.name),
        [render(r, tiny_model.tokenizer) for r in rows],
    )
    found = method.score(engine_for(tiny_model, request), circuit, rows, rendered, request)
    for one in found:
        assert set(one.columns) == {"score", *method.columns}
        assert np.isfinite(list(one.columns.values())).all()
        assert bool(one.steps) == method.has_steps
    scored = score_shard(
        rows, request=request, engine=engine_for(tiny_model, request), circuit=circuit
    )
    assert scored.rows["status"].tolist() == ["ok", "ok"]
    assert scored.rows[["score", *method.columns]].notna().all(axis=None)
    assert (scored.steps is not None) == method.has_steps


@EVERY
def test_the_plan_has_passes_where_the_model_is_run(method: Method, circuit, tiny_model):
    n_layers = tiny_model.n_layers
    passes = method.passes(circuit if method.needs_heads else None, n_layers)
    assert (passes > 0) == method.runs_model
    assert passes <= 2
    if method.needs_heads:
        # A circuit of the first layer only: what lies above it, or all of it again.
        first = Circuit((Head(0, 0),), circuit.model)
        assert method.passes(first, n_layers) in (1 / n_layers, 2.0)


@EVERY
def test_a_row_is_scored_or_has_a_reason_and_what_is_scored_fits(method: Method, tiny_model):
    rows = [
        row("good", "What is 2 + 2?", "it is 4"),
        row("nothing said", "What?", ""),
        row("long prompt", "long " * 30),
        row("long solution", "What?", "4" * 100),
        text("one token", "x"),
    ]
    checked = check_rows(rows, ScoreRequest.of(method.name), tiny_model)
    assert checked.records[0]["status"] == "ok"
    assert {record["status"] for record in checked.records[2:4]} <= {"ok", "truncated"}
    for record in checked.records:
        assert (record["status"] == "ok") == (record["reason"] == "")
    for usable in checked.usable:
        assert max(usable.lengths) <= tiny_model.n_ctx
        assert min(usable.lengths) > 0


@EVERY
def test_a_record_adds_to_the_summary_what_can_be_written(method: Method):
    extras = method.extras(ScoreRequest.of(method.name), 96)
    assert ("steps" in extras) == method.has_steps
    assert not set(extras) & {"schema", "method", "part", "counts", "correlations"}
