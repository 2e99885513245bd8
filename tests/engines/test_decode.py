import numpy as np
import pytest
import torch

from workbench.ablation import ablated_heads
from workbench.engines import HookedEngine, decode, decoded_text, default_stop_ids
from workbench.engines.decode import draw_tokens
from workbench.errors import InputError
from workbench.types import Head

ARCHITECTURES = ["llama", "mistral", "gpt2", "gemma2"]
HEADS = (Head(0, 1), Head(1, 0), Head(1, 3), Head(2, 2))
PROMPTS = [
    [10, 20, 30, 40, 50, 60, 70, 80, 90, 91, 92],
    [99, 98],
    [5, 6, 5, 6, 5],
    [7, 8, 9, 11, 12],
]
N_NEW = 8


def without_cache(model, prompt, n_new):
    """Greedy decoding with one whole pass a token."""
    ids = list(prompt)
    for _ in range(n_new):
        with torch.no_grad():
            logits = model.hooked(torch.tensor([ids]), return_type="logits", use_cache=False)
        ids.append(int(logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("heads", [(), HEADS], ids=["clean", "ablated"])
def test_decoding_with_a_cache_is_decoding_without_one(name, heads, tiny):
    model = tiny(name)
    with ablated_heads(model, heads):
        fast = decode(HookedEngine(model), PROMPTS, max_new_tokens=N_NEW, stop_ids=())
        slow = [without_cache(model, prompt, N_NEW) for prompt in PROMPTS]
    assert fast == slow


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_uniform_heads_change_what_is_decoded(name, tiny):
    model = tiny(name)
    clean = decode(HookedEngine(model), PROMPTS, max_new_tokens=N_NEW, stop_ids=())
    with ablated_heads(model, HEADS):
        ablated = decode(HookedEngine(model), PROMPTS, max_new_tokens=N_NEW, stop_ids=())
    assert clean != ablated
    assert decode(HookedEngine(model), PROMPTS, max_new_tokens=N_NEW, stop_ids=()) == clean


@pytest.mark.parametrize(
    ("name", "temperature"), [("llama", 0.0), *((name, 0.8) for name in ARCHITECTURES)]
)
def test_a_batch_of_different_lengths_is_its_rows_one_by_one(name, temperature, tiny):
    model = tiny(name)
    settings = {"max_new_tokens": N_NEW, "temperature": temperature, "seed": 3}
    together = decode(HookedEngine(model), PROMPTS, **settings)
    assert together == [decode(HookedEngine(model), [prompt], **settings)[0] for prompt in PROMPTS]
    assert together == decode(HookedEngine(model), PROMPTS, **settings, batch_tokens=30)
    assert together[::-1] == decode(HookedEngine(model), PROMPTS[::-1], **settings)


def test_the_same_seed_draws_the_same_tokens_and_another_seed_others(tiny_model):
    settings = {"max_new_tokens": N_NEW, "temperature": 1.0}
    first = decode(HookedEngine(tiny_model), PROMPTS, seed=1, **settings)
    assert first == decode(HookedEngine(tiny_model), PROMPTS, seed=1, **settings)
    assert first != decode(HookedEngine(tiny_model), PROMPTS, seed=2, **settings)


def test_a_repeated_prompt_is_sampled_anew_and_its_first_draw_stays(tiny_model):
    settings = {"max_new_tokens": N_NEW, "temperature": 1.0}
    drawn = decode(HookedEngine(tiny_model), [PROMPTS[0]] * 3, **settings)
    assert len({tuple(ids) for ids in drawn}) == 3
    assert drawn[0] == decode(HookedEngine(tiny_model), [PROMPTS[0]], **settings)[0]


def test_a_low_temperature_is_greedy_decoding(tiny_model):
    cold = decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW, temperature=1e-6)
    assert cold == decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW)


def test_a_row_ends_with_its_stop_id_and_the_others_go_on(tiny_model):
    free = decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW, stop_ids=())
    stop = free[0][2]
    stopped = decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW, stop_ids=[stop])
    for whole, cut in zip(free, stopped, strict=True):
        end = whole.index(stop) + 1 if stop in whole else N_NEW
        assert cut == whole[:end]
    assert len(stopped[0]) <= 3
    assert max(map(len, stopped)) == N_NEW


def test_a_stop_id_inside_a_prompt_stops_nothing(tiny_model):
    stop = PROMPTS[0][5]
    free = decode(HookedEngine(tiny_model), PROMPTS[:2], max_new_tokens=4, stop_ids=())
    assert all(stop not in new for new in free)
    assert decode(HookedEngine(tiny_model), PROMPTS[:2], max_new_tokens=4, stop_ids=[stop]) == free


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_decoding_ends_where_the_context_is_full(name, tiny):
    model = tiny(name)
    prompt = [4 + i % 200 for i in range(model.n_ctx - 3)]
    new = decode(HookedEngine(model), [prompt, prompt[:-2]], max_new_tokens=N_NEW, stop_ids=())
    assert [len(ids) for ids in new] == [3, 5]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_network_without_a_cache_decodes_the_same_tokens(temperature, tiny_model, monkeypatch):
    settings = {"max_new_tokens": 4, "temperature": temperature, "stop_ids": [160, 161, 162]}
    cached = decode(HookedEngine(tiny_model), PROMPTS, **settings)
    monkeypatch.setattr(HookedEngine, "new_cache", lambda engine: None)
    assert decode(HookedEngine(tiny_model), PROMPTS, **settings) == cached


def test_decoding_leaves_the_model_as_it_was(tiny_model):
    ids = torch.tensor(PROMPTS[:1])
    before = tiny_model.hooked(ids, return_type="logits", use_cache=False)
    decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=3)
    assert torch.equal(tiny_model.hooked(ids, return_type="logits", use_cache=False), before)


def test_tokens_are_drawn_as_often_as_their_probability_says():
    chances = torch.tensor([0.5, 0.2, 0.3])
    n_draws = 1000
    uniforms = torch.arange(n_draws, dtype=torch.float64) / n_draws
    drawn = draw_tokens(chances.log().expand(n_draws, 3), uniforms)
    np.testing.assert_allclose(np.bincount(drawn), [500, 200, 300], atol=1)


def test_the_end_of_text_and_the_templates_end_token_stop(tiny_model, bundled_model):
    assert default_stop_ids(tiny_model) == (1,)
    end = bundled_model.tokenizer.convert_tokens_to_ids("<|end|>")
    assert default_stop_ids(bundled_model) == (end,)


def test_decoded_text_leaves_special_tokens_out(tiny_model):
    ids = tiny_model.tokenizer("3 pens")["input_ids"]
    assert decoded_text(tiny_model, [*ids, 1]) == "3 pens"


def test_no_prompts_decode_to_nothing(tiny_model):
    assert decode(HookedEngine(tiny_model), [], max_new_tokens=3) == []


@pytest.mark.parametrize(
    ("prompt", "settings", "words"),
    [
        ([], {"max_new_tokens": 1}, r"prompt 0 has 0 tokens, expected 1 to 95"),
        ([5] * 96, {"max_new_tokens": 1}, r"prompt 0 has 96 tokens"),
        ([5], {"max_new_tokens": 0}, "decoding 0 tokens"),
        ([5], {"max_new_tokens": 1, "temperature": -1.0}, "temperature -1"),
    ],
)
def test_what_cannot_be_decoded_is_refused(prompt, settings, words, tiny_model):
    with pytest.raises(InputError, match=words):
        decode(HookedEngine(tiny_model), [prompt], **settings)
