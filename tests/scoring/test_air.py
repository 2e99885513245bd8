"""AIR: steps and samples against whole runs, and on a planted copying head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.scoring.test_score import row, scored, text
from tests.support.planted import COPIER, N_WORDS, write_copier
from workbench.ablation import ablated_heads
from workbench.engines import HookedEngine, counted_mask
from workbench.errors import InputError
from workbench.models import capture, load_model, padded, render
from workbench.scoring import ScoreRequest, engine_for, score_shard
from workbench.scoring.methods.air import AirOptions
from workbench.scoring.step_scores import air_score
from workbench.types import BadRow, Circuit, Head, Message, Sample

HEADS = (Head(1, 0), Head(2, 2))
SOLUTION = "He has 3.\nShe has 2.\n\nok\nSo 3 + 2."


@pytest.fixture(scope="module")
def circuit(tiny_model):
    return Circuit(HEADS, tiny_model.info)


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    return load_model(str(write_copier(tmp_path_factory.mktemp("copier"))), device="cpu")


def shard(rows, model, circuit, **options):
    request = ScoreRequest.of("air", **options)
    return score_shard(rows, request=request, engine=engine_for(model, request), circuit=circuit)


def token_losses_of(model, sample):
    """Clean and weakened losses of the completion's tokens, one whole run each."""
    rendered = render(sample, model.tokenizer)
    ids, counted = padded([rendered.ids], 0), counted_mask([rendered], "completion")
    base = HookedEngine(model).outcomes(capture(model, ids).final, ids, counted)
    with ablated_heads(model, HEADS):
        weak = HookedEngine(model).outcomes(capture(model, ids).final, ids, counted)
    return [found.losses[0][counted[0]].double().numpy() for found in (base, weak)]


def test_a_step_is_scored_on_its_own_tokens(tiny_model, circuit):
    sample = row("a", "How many?", "He has 3 pens\nshe has 2")
    base, weak = token_losses_of(tiny_model, sample)
    scored = shard([sample], tiny_model, circuit)
    # One token a byte: 14 of the first line with its break, 9 of the second.
    for step, (start, end) in zip(scored.steps.itertuples(), [(0, 14), (14, 23)], strict=True):
        assert (step.row_id, step.start_char, step.end_char) == ("a", start, end)
        assert step.n_tokens == end - start
        expected = base[start:end].mean(), weak[start:end].mean()
        assert (step.loss_base, step.loss_weak) == pytest.approx(expected, abs=1e-5)
        rise = (expected[1] - expected[0]) / max(expected[0], 0.05)
        assert step.score == pytest.approx(rise, abs=1e-4)
    whole = (weak.mean() - base.mean()) / base.mean()
    assert scored.rows["score"][0] == pytest.approx(whole, abs=1e-4)
    assert scored.rows["n_steps_found"][0] == 2


def test_steps_cover_the_completion_and_short_ones_have_joined(tiny_model, circuit):
    steps = shard([row("a", "How many?", SOLUTION)], tiny_model, circuit).steps
    spans = list(zip(steps["start_char"], steps["end_char"], strict=True))
    assert [SOLUTION[a:b] for a, b in spans] == ["He has 3.\nShe has 2.\n\n", "ok\nSo 3 + 2."]
    joined = shard([row("a", "How many?", "One two.\nok\nthree.")], tiny_model, circuit).steps
    assert joined["end_char"].tolist() == [12, 18]


@pytest.mark.parametrize("completion", ["naïve é\n東京 is\nso: 😀 end", "  padded \n out  "])
def test_characters_are_those_of_the_row_also_where_a_token_is_half_of_one(
    completion, tiny_model, tiny, circuit
):
    for model in (tiny_model, tiny("llama", chat=False)):
        steps = shard([row("a", "x?", completion)], model, circuit).steps
        spans = list(zip(steps["start_char"], steps["end_char"], strict=True))
        assert "".join(completion[a:b] for a, b in spans) == completion
        assert steps["n_tokens"].sum() == len(completion.encode())


def test_spans_are_of_the_completion_as_it_stands_in_the_row_where_the_template_strips(
    bundled_model,
):
    circuit = Circuit(HEADS, bundled_model.info)
    completion = "\n  first we add the numbers\nthen we take two away again  "
    steps = shard([row("a", "How many?", completion)], bundled_model, circuit).steps
    assert steps["start_char"].tolist() == [0, 28]
    assert steps["end_char"].tolist() == [28, len(completion)]
    assert completion[28:].startswith("then")


def test_the_mean_token_weight_of_every_sample_is_1(tiny_model, circuit, samples):
    for rule in ("top-fraction", "softmax", "linear"):
        rows = [*samples, row("steps", "How many?", SOLUTION * 2)]
        steps = shard(rows, tiny_model, circuit, weights=rule, temperature=0.3).steps
        for _, of_row in steps.groupby("row_id"):
            mean = np.average(of_row["weight"], weights=of_row["n_tokens"])
            assert mean == pytest.approx(1)


def test_floor_and_absolute_worked_by_hand():
    base, weak = np.array([2.0, 0.01]), np.array([3.0, 0.06])
    assert air_score(base, weak, AirOptions()).tolist() == pytest.approx([0.5, 1.0])
    floored = air_score(base, weak, AirOptions(floor=5.0))
    assert floored.tolist() == pytest.approx([0.2, 0.01])
    absolute = air_score(base, weak, AirOptions(absolute=True))
    assert absolute.tolist() == pytest.approx([1.0, 0.05])


def test_a_base_loss_of_zero_is_no_failure_above_the_floor():
    zero, half = np.zeros(1), np.array([0.5])
    assert air_score(zero, half, AirOptions()).tolist() == [10.0]


def test_rows_without_steps_say_why(tiny_model, circuit):
    asked = Sample("asked", 0, "tests", "messages", (Message("user", "How many?"),))
    rows = [
        row("good", "What?", SOLUTION),
        asked,
        row("empty", "What?", ""),
        row("blank", "What?", " \n\t "),
        row("long", "What?", "4" * 100),
        BadRow("broken", 1, "tests", "line 2: not valid JSON"),
        text("plain", "First we add. Then we stop."),
    ]
    found = shard(rows, tiny_model, circuit)
    status = ["ok", "too_short", "too_short", "too_short", "truncated", "malformed", "ok"]
    assert found.rows["status"].tolist() == status
    why = "0 tokens of completion, so there are no steps, at least 1 are needed"
    blank = "the completion is blank, so there are no steps"
    assert found.rows["reason"].tolist()[1:4] == [why, why, blank]
    assert "do not fit the model's context of 96" in found.rows["reason"][4]
    assert set(found.steps["row_id"]) == {"good", "plain"}
    # Plain text is its own solution, as for the loss; nothing predicts its first token.
    plain = found.steps[found.steps["row_id"] == "plain"]
    assert plain["end_char"].tolist() == [13, 27]
    assert plain["n_tokens"].tolist() == [12, 14]


def test_the_columns_and_types_are_those_of_the_steps_file_also_without_rows(tiny_model, circuit):
    types = {
        "row_id": "str",
        **dict.fromkeys(["step", "start_char", "end_char", "n_tokens"], "int32"),
        **dict.fromkeys(["loss_base", "loss_weak", "score", "weight"], "float64"),
    }
    for rows in ([row("a", "What?", SOLUTION)], [row("empty", "What?", "")]):
        steps = shard(rows, tiny_model, circuit).steps
        assert {name: str(kind) for name, kind in steps.dtypes.items()} == types


def test_small_batches_change_nothing(tiny_model, circuit, samples):
    one = shard(samples, tiny_model, circuit, batch_tokens=1)
    many = shard(samples, tiny_model, circuit)
    assert one.steps["score"].tolist() == pytest.approx(many.steps["score"].tolist(), abs=1e-5)
    assert one.rows["score"].tolist() == pytest.approx(many.rows["score"].tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"part": "prompt"},
            "the part is 'prompt', expected completion or reasoning, which is all that air",
        ),
        ({"floor": 0.0}, "the floor is 0.0, expected a finite number above 0"),
        ({"temperature": float("nan")}, "the temperature is nan, expected a finite number"),
        ({"weights": "best"}, "the weights is 'best', expected one of top-fraction, softmax"),
        ({"top": 1.5}, "the top is 1.5, expected a finite number above 0 and at most 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        ScoreRequest.of("air", **options)


def test_air_asks_for_heads(tiny_model, samples):
    with pytest.raises(InputError, match="the method air needs heads"):
        scored(samples, tiny_model, method="air")


def test_the_step_that_a_planted_head_writes_stands_out(copier):
    """Of three lines the second goes on as the problem did, so the head predicts it."""
    rng = np.random.default_rng(0)
    rows, copied = [], []
    for i in range(10):
        words = [f"w{w}" for w in rng.permutation(np.arange(3, N_WORDS))[:25]]
        new = [" ".join(words[n : n + 5]) for n in (10, 15)]
        place = i % 2
        new.insert(place, " ".join(words[:5]))
        rows.append(row(f"row-{i}", " ".join(words[:10]), "\n".join(new)))
        copied.append(place)
    steps = shard(rows, copier, Circuit((Head(*COPIER),), copier.info), weights="softmax").steps
    scores = steps["score"].to_numpy().reshape(10, 3)
    weights = steps["weight"].to_numpy().reshape(10, 3)
    assert scores.argmax(axis=1).tolist() == weights.argmax(axis=1).tolist() == copied
    assert torch.tensor(scores).topk(2).values.diff().abs().min() > 1
