import numpy as np
import pytest
import torch

from tests.support.checkpoints import USABLE
from workbench.ablation import ablated_heads, set_effects
from workbench.engines import HookedEngine, sample_losses
from workbench.errors import InputError
from workbench.models import Rendered, render
from workbench.models.render import COMPLETION, PROMPT
from workbench.types import Head

BATCHES = [[0, 2, 4], [5, 1, 3]]
SETS = [(), (Head(0, 1), Head(2, 3)), (Head(2, 0),), (Head(1, 0), Head(1, 1), Head(0, 0))]


def rendered_rows(model, samples):
    return [render(sample, model.tokenizer) for sample in samples]


def best_next(model, ids):
    with torch.no_grad():
        logits = model.hooked(torch.tensor([ids]), return_type="logits", use_cache=False)
    return int(logits[0, -1].argmax())


def greedy_row(model, prompt_ids, n_new, *, heads=()):
    """A row whose completion is what the model itself decodes, one whole pass a token."""
    ids = list(prompt_ids)
    with ablated_heads(model, heads):
        for _ in range(n_new):
            ids.append(best_next(model, ids))
    return row_of(ids, len(prompt_ids))


def row_of(ids, n_prompt):
    parts = np.array([PROMPT] * n_prompt + [COMPLETION] * (len(ids) - n_prompt), dtype=np.int8)
    return Rendered(ids=tuple(ids), parts=parts, is_text=False)


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("part", ["completion", "all"])
def test_a_set_costs_what_a_full_run_with_all_its_heads_uniform_costs(name, part, tiny, samples):
    model = tiny(name)
    rows = rendered_rows(model, samples)
    effects = set_effects(HookedEngine(model), rows, SETS, batches=BATCHES, part=part)
    for heads, loss in zip(SETS, effects.loss, strict=True):
        with ablated_heads(model, heads):
            expected = sample_losses(
                HookedEngine(model), rows, batches=[[i] for i in range(6)], part=part
            )
        np.testing.assert_allclose(loss, expected, atol=1e-5, rtol=0)


def test_an_empty_set_is_the_clean_model(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    effects = set_effects(HookedEngine(tiny_model), rows, [(), SETS[1], ()], batches=BATCHES)
    clean = sample_losses(HookedEngine(tiny_model), rows, batches=BATCHES)
    assert np.array_equal(effects.loss[0], clean)
    assert np.array_equal(effects.loss[2], clean)
    assert not np.allclose(effects.loss[1], clean, atol=1e-4)


def test_the_order_of_sets_and_of_heads_in_them_does_not_matter(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    forward = set_effects(HookedEngine(tiny_model), rows, SETS, batches=BATCHES)
    turned = set_effects(
        HookedEngine(tiny_model), rows, [s[::-1] for s in SETS[::-1]], batches=BATCHES
    )
    assert np.array_equal(forward.loss, turned.loss[::-1])
    assert np.array_equal(forward.exact, turned.exact[::-1])


@pytest.mark.parametrize("name", ["llama", "gemma2"])
@pytest.mark.parametrize("heads", SETS[:2])
def test_exact_is_true_if_and_only_if_greedy_decoding_gives_the_solution(name, heads, tiny):
    model = tiny(name)
    prompts = [[10, 20, 30, 40, 50, 60, 70, 80], [99, 98, 97], [5, 6, 5, 6, 5]]
    rows = [greedy_row(model, prompt, 6, heads=heads) for prompt in prompts]
    wrong = list(rows[0].ids)
    wrong[-1] = 4 + (wrong[-1] - 3) % 250
    rows.append(row_of(wrong, len(prompts[0])))
    effects = set_effects(HookedEngine(model), rows, [heads], batches=[[0, 1], [2, 3]])
    assert effects.exact.tolist() == [[True, True, True, False]]


def test_exactness_looks_at_the_solution_and_not_at_the_prompt(tiny_model):
    row = greedy_row(tiny_model, [10, 20, 30, 40], 4)
    parts_seen = {
        part: bool(
            set_effects(HookedEngine(tiny_model), [row], [()], batches=[[0]], part=part).exact[0, 0]
        )
        for part in ("completion", "all")
    }
    assert parts_seen == {"completion": True, "all": False}


def test_a_head_that_the_model_lacks_is_refused_before_any_pass(tiny_model, samples):
    seen = []
    with pytest.raises(InputError, match=r"has no head L7H0, expected layer 0 to 2"):
        set_effects(
            HookedEngine(tiny_model),
            rendered_rows(tiny_model, samples),
            [(), (Head(7, 0),)],
            batches=BATCHES,
            on_progress=lambda *progress: seen.append(progress),
        )
    assert seen == []
