"""A score or a reason for every row, whatever the method."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import byte_tokenizer
from workbench.engines import HookedEngine, sample_losses
from workbench.errors import InputError
from workbench.models import load_model, render
from workbench.scoring import ScoreRequest, engine_for, score_batch, score_samples
from workbench.types import BadRow, Circuit, Head, Message, ModelInfo, Sample

HEADS = (Head(0, 3), Head(1, 0))


@pytest.fixture(scope="module")
def circuit(tiny_model):
    return Circuit(HEADS, tiny_model.info)


def row(row_id: str, prompt: str, completion: str = "it is 4", **columns) -> Sample:
    messages = (Message("user", prompt), Message("assistant", completion))
    return Sample(row_id, 0, "tests", "prompt-completion", messages, row=columns)


def text(row_id: str, content: str) -> Sample:
    return Sample(row_id, 0, "tests", "text", text=content)


def scored(rows, model, circuit=None, **options) -> pd.DataFrame:
    request = ScoreRequest.of(**options)
    engine = engine_for(model, request)
    return score_samples(rows, request=request, engine=engine, circuit=circuit)


def test_rows_without_a_score_say_why_and_keep_their_place(tiny_model, circuit):
    rows = [
        row("good", "How many are 2 + 2?"),
        BadRow("broken", 1, "tests", "line 2: not valid JSON"),
        row("long", "x" * 200),
        text("short", "x"),
        row("also good", "How many are 3 + 3?"),
    ]
    frame = scored(rows, tiny_model, circuit, method="circuitseer")
    assert frame["row_id"].tolist() == ["good", "broken", "long", "short", "also good"]
    assert frame["status"].tolist() == ["ok", "malformed", "truncated", "too_short", "ok"]
    assert frame["score"].isna().tolist() == [False, True, True, True, False]
    assert frame["score_within_length"].isna().tolist() == [False, True, True, True, False]
    reasons = frame["reason"].tolist()
    assert reasons[0] == reasons[4] == ""
    assert reasons[1] == "line 2: not valid JSON"
    assert "do not fit the model's context of 96" in reasons[2]
    assert "1 tokens of prompt, at least 2 are needed" in reasons[3]


@pytest.mark.parametrize("one", [text("two", "xy"), row("templated", "x")])
def test_a_prompt_of_nothing_but_the_sink_is_too_short_without_it(one, tiny_model, circuit):
    rows = [one, row("many", "What is 2 + 2?")]
    frame = scored(rows, tiny_model, circuit, method="circuitseer", drop_sink=True)
    assert frame["status"].tolist() == ["too_short", "ok"]
    assert frame["reason"][0] == "1 tokens of prompt without the sink, at least 2 are needed"
    with_sink = scored(rows, tiny_model, circuit, method="circuitseer")
    assert with_sink["status"].tolist() == ["ok", "ok"]


def test_long_template_text_before_a_one_token_prompt_does_not_make_it_long_enough(bundled_model):
    circuit = Circuit(HEADS, bundled_model.info)
    rows = [row("one", "x"), row("many", "What is 2 + 2?")]
    frame = scored(rows, bundled_model, circuit, method="circuitseer", drop_sink=True)
    assert frame["status"].tolist() == ["too_short", "ok"]


def test_one_token_is_enough_for_a_loss_and_none_is_not(tiny_model):
    rows = [row("a", "What is 2 + 2?", "4"), row("b", "What?", ""), text("c", "x")]
    frame = scored(rows, tiny_model, method="loss")
    assert frame["status"].tolist() == ["ok", "too_short", "too_short"]
    assert frame["reason"][2] == "0 tokens of completion, at least 1 are needed"


def test_the_loss_of_the_solution_stands_beside_that_of_the_prompt(tiny_model):
    rows = [row("a", "What is 2 + 2?", "4")]
    frame = scored(rows, tiny_model, method="loss", part="prompt", with_loss=True)
    alone = scored(rows, tiny_model, method="loss")
    assert frame["loss"][0] == pytest.approx(alone["score"][0], abs=1e-5)
    assert frame["score"][0] != pytest.approx(frame["loss"][0], abs=1e-3)


def test_a_solution_too_long_for_the_context_matters_only_where_it_is_read(tiny_model, circuit):
    rows = [row("a", "What is 2 + 2?", "4" * 100)]
    assert scored(rows, tiny_model, circuit, method="circuitseer")["status"][0] == "ok"
    for options in ({"method": "loss"}, {"method": "circuitseer", "with_loss": True}):
        assert scored(rows, tiny_model, circuit, **options)["status"][0] == "truncated"


def test_the_columns_and_types_are_those_of_the_scores_file(tiny_model, circuit, samples):
    frame = scored([*samples, text("x", "x")], tiny_model, circuit, method="circuitseer")
    kinds = {
        **dict.fromkeys(["row_id", "source", "status", "reason"], "str"),
        **dict.fromkeys(["score", "score_within_length"], "float64"),
        "row_index": "int64",
        "n_tokens": "int32",
    }
    assert {name: str(frame[name].dtype) for name in kinds} == kinds


def test_the_score_is_the_column_of_the_variant(tiny_model, circuit, samples):
    rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
    batch = score_batch(HookedEngine(tiny_model), HEADS, rendered)
    options = {"method": "circuitseer", "variant": "excess", "drop_sink": True}
    frame = scored(samples, tiny_model, circuit, **options)
    assert frame["score"].tolist() == pytest.approx([r["excess_no_sink"] for r in batch])
    assert frame["score"].equals(frame["excess_no_sink"])
    assert frame["paper"].tolist() == pytest.approx([r["paper"] for r in batch])


@pytest.mark.parametrize("engine", ["fused", "hooked"])
@pytest.mark.parametrize("method", ["circuitseer", "attention-influence", "air", "loss", "ifd"])
def test_a_score_does_not_depend_on_what_shares_its_batch(
    method, engine, tiny_model, circuit, samples
):
    options = {"method": method, "engine": engine}
    alone = scored(samples, tiny_model, circuit, batch_tokens=1, **options)
    together = scored(samples, tiny_model, circuit, **options)
    assert together["score"].notna().any()
    numbers = together.select_dtypes("float").columns
    for name in numbers:
        found, expected = alone[name].tolist(), together[name].tolist()
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True), name


def test_length_counts_the_tokens_that_are_scored(tiny_model, samples):
    frame = scored(samples, tiny_model, method="length", part="completion")
    # One token a byte.
    assert frame["score"].tolist() == [len(s.completion.encode()) for s in samples]
    prompts = scored(samples, tiny_model, method="length")
    assert prompts["score"].tolist() == prompts["n_tokens"].tolist()


def test_loss_is_the_samples_loss(tiny_model, samples):
    rendered = [render(s, tiny_model.tokenizer) for s in samples]
    losses = sample_losses(
        HookedEngine(tiny_model), rendered, batches=[[i] for i in range(len(rendered))]
    )
    frame = scored(samples, tiny_model, method="loss")
    assert frame["score"].tolist() == pytest.approx(losses.tolist(), abs=1e-5)
    with_loss = scored(samples, tiny_model, method="length", with_loss=True)
    assert with_loss["loss"].tolist() == pytest.approx(losses.tolist(), abs=1e-5)


def test_random_scores_follow_the_row_and_the_seed_alone(tiny_model, samples):
    one = scored(samples, tiny_model, method="random", seed=1)
    turned = scored(samples[::-1], tiny_model, method="random", seed=1)
    other = scored(samples, tiny_model, method="random", seed=2)
    assert turned["score"].tolist()[::-1] == one["score"].tolist()
    assert not set(other["score"]) & set(one["score"])
    assert one["score"].between(0, 1).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "guess"}, "the method is 'guess', expected one of circuitseer, attention-inf"),
        ({"method": "loss", "variant": "cv3"}, "the variant is 'cv3', expected one of paper, cv2"),
        ({"method": "loss", "part": "middle"}, "the part is 'middle', expected one of prompt, com"),
    ],
)
def test_unknown_words_are_refused_by_name(options, words):
    with pytest.raises(InputError, match=words):
        ScoreRequest.of(**options)


def test_circuitseer_asks_for_heads(tiny_model, samples):
    with pytest.raises(InputError, match=r"circuitseer needs heads; run .* and pass --heads"):
        scored(samples, tiny_model, method="circuitseer")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_layers": 28, "n_heads": 12}, "28 layers x 12 heads, expected the model .* 3 layers"),
        ({"weights_sha256": "f" * 64}, "with weights ffffffffffff, expected weights"),
    ],
)
def test_heads_of_another_model_are_refused(change, words, tiny_model, samples):
    other = ModelInfo(**{**vars(tiny_model.info), "id": "other", **change})
    with pytest.raises(InputError, match=f"found on 'other' .*{words}"):
        scored(samples, tiny_model, Circuit(HEADS, other), method="circuitseer")


@pytest.fixture(scope="module")
def reader(checkpoint, tmp_path_factory):
    """A model whose head 0.0 looks at the sign `#` wherever there is one, and else uniformly."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(checkpoint("llama"), folder, dirs_exist_ok=True)
    model = AutoModelForCausalLM.from_pretrained(folder)
    sign = byte_tokenizer().convert_tokens_to_ids("#")
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        embedding = model.model.embed_tokens.weight.zero_()
        embedding[:, 31] = 1  # every token asks
        embedding[sign, 30] = 1  # and this one answers
        model.model.layers[0].input_layernorm.weight.fill_(1)
        # Channel 3 turns by a thousandth of a radian a position: it tells content, not place.
        attention.q_proj.weight.zero_()[3, 31] = 4
        attention.k_proj.weight.zero_()[3, 30] = 4
    model.save_pretrained(folder)
    return load_model(str(folder), device="cpu", check=False)


def test_a_planted_signal_is_found_where_chance_finds_none(reader):
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghij 0123456789?+="))
    planted = np.arange(60) % 2 == 0
    rows = []
    for i, has_sign in enumerate(planted):
        content = rng.choice(letters, rng.integers(20, 60))
        if has_sign:
            content[len(content) // 2] = "#"
        rows.append(text(f"row-{i}", "".join(content)))
    circuit = Circuit((Head(0, 0),), reader.info)
    seer = scored(rows, reader, circuit, method="circuitseer", variant="excess")["score"]
    chance = scored(rows, reader, method="random")["score"]
    assert separation(seer, planted) == 1
    assert 0.3 < separation(chance, planted) < 0.7
    # Nothing to look at is uniform attention, whose excess is 0 at any length.
    assert seer[~planted].max() < 1e-9


def separation(scores: pd.Series, planted: np.ndarray) -> float:
    """Chance that a planted row scores higher than another: 0.5 knows nothing, 1 everything."""
    return float(np.mean([a > b for a in scores[planted] for b in scores[~planted]]))
