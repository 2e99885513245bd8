"""The plan of a run of scores is that of the run: the same rows, and passes over what they cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.data import read_usable
from workbench.errors import InputError
from workbench.models import render
from workbench.options import ReadOptions
from workbench.scoring import SCORERS, ScoreRequest
from workbench.stages import ModelSource, Place, plan_score, run_score
from workbench.stages.score import FACTS


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def heads_path(tmp_path_factory) -> Path:
    """The circuit is head 1.0 of 3 x 4; in the form of the retrieval-head project."""
    every = {f"{layer}-{head}": [0.0] for layer in range(3) for head in range(4)}
    path = tmp_path_factory.mktemp("heads") / "heads.json"
    path.write_text(json.dumps(every | {"1-0": [1.0]}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Rows of every kind: good, broken, empty, too long in the prompt, in the solution, as text."""
    good = [{"prompt": f"What is {i} + {i}?", "completion": f"it is {2 * i}"} for i in range(6)]
    rows = [
        *good,
        {"prompt": "Say it", "completion": ""},
        {"prompt": "long " * 30, "completion": "it is 4"},
        {"prompt": "Say it often", "completion": "4" * 100},
        {"nothing": "to read"},
    ]
    return write(tmp_path_factory.mktemp("data") / "rows.jsonl", rows)


@pytest.mark.parametrize("with_loss", [False, True])
@pytest.mark.parametrize("method", SCORERS)
def test_the_plan_counts_the_rows_that_the_run_scores(
    method, with_loss, source, data, heads_path, tmp_path
):
    request, files = ScoreRequest.of(method, with_loss=with_loss), [str(data)]
    heads = heads_path if SCORERS[method].needs_heads else None
    plan = plan_score(source, files, request, heads_path=heads)
    outcome = run_score(Place(tmp_path), source, files, request, heads_path=heads)
    assert plan["counts"] == outcome.summary["counts"]
    assert plan["engine"] == outcome.summary["engine"]["name"]
    assert (plan["forward_passes"] > 0) == request.runs_model


def test_a_long_solution_counts_where_only_the_prompt_is_read(source, heads_path, tmp_path):
    rows = [{"prompt": "Say it often", "completion": "4" * 100}] * 3
    data = [str(write(tmp_path / "rows.jsonl", rows))]
    plan = plan_score(source, data, ScoreRequest.of("circuitseer"), heads_path=heads_path)
    assert (plan["samples"], plan["counts"]) == (3, {"ok": 3})
    whole = ScoreRequest.of("circuitseer", with_loss=True)
    assert plan_score(source, data, whole, heads_path=heads_path)["counts"] == {"truncated": 3}


def test_the_plan_reads_rows_in_the_shape_that_was_asked_for(source, tmp_path):
    rows = [{"prompt": "What?", "completion": "it is 4", "text": "a text of its own" * 3}] * 4
    data, request = [str(write(tmp_path / "rows.jsonl", rows))], ScoreRequest.of("loss")
    found, as_text = (
        plan_score(source, data, request, how=ReadOptions(shape=shape))
        for shape in ("prompt-completion", "text")
    )
    model = source.load()
    for plan, shape in ((found, "prompt-completion"), (as_text, "text")):
        samples = read_usable(data, ReadOptions(shape=shape))
        assert plan["tokens"] == sum(len(render(s, model.tokenizer).ids) for s in samples)
    assert as_text["tokens"] != found["tokens"]


def test_the_loss_beside_the_score_is_a_whole_pass_of_its_own(source, data, heads_path):
    files, batch = [str(data)], 1
    asked = [
        ScoreRequest.of("circuitseer", with_loss=with_loss, batch_tokens=batch)
        for with_loss in (False, True)
    ]
    alone, both = (plan_score(source, files, one, heads_path=heads_path) for one in asked)
    loss = plan_score(source, files, ScoreRequest.of("loss", batch_tokens=batch))
    # Up to layer 1 of 3; then all of them. Each row is a batch of its own.
    assert alone["full_passes"] == pytest.approx(2 / 3, abs=0.01)
    assert both["full_passes"] == pytest.approx(1 + 2 / 3, abs=0.01)
    assert both["samples"] == 2 * both["counts"]["ok"]
    assert loss["full_passes"] == 1
    assert both["tokens"] > loss["tokens"]


def test_the_plan_refuses_what_the_run_refuses(source, heads_path, tmp_path):
    broken = [str(write(tmp_path / "broken.jsonl", [{"nothing": "to read"}]))]
    for ask in (
        lambda **how: plan_score(source, broken, ScoreRequest.of("loss"), **how),
        lambda **how: run_score(Place(tmp_path), source, broken, ScoreRequest.of("loss"), **how),
    ):
        with pytest.raises(InputError, match=r"none of the 1 rows of .* can be read"):
            ask()
    with pytest.raises(InputError, match="the method air needs heads"):
        plan_score(source, broken, ScoreRequest.of("air"))


def test_the_name_of_a_run_depends_on_what_its_method_reads(source, data, tmp_path):
    place, files = Place(tmp_path), [str(data)]
    first = run_score(place, source, files, ScoreRequest.of("length"))
    config = json.loads((first.run / "manifest.json").read_text(encoding="utf-8"))["config"]
    assert config == {
        "batch_tokens": None,
        "facts": FACTS,
        "method": "length",
        "part": "prompt",
        "seed": 0,
        "shape": None,
        "with_loss": False,
    }
    # A part that is asked for by name is the question that was asked without.
    assert run_score(place, source, files, ScoreRequest.of("length", part="prompt")).reused
    assert not run_score(place, source, files, ScoreRequest.of("length", part="all")).reused
