import pytest

from workbench.ablation import ablated_heads, decode_sets
from workbench.engines import HookedEngine, decode
from workbench.errors import InputError
from workbench.types import Head

PROMPTS = [[10, 20, 30, 40, 50, 60, 70], [99, 98], [5, 6, 5, 6, 5]]
SETS = [(), (Head(0, 1), Head(2, 3)), (Head(1, 0),), (Head(0, 0), Head(0, 2), Head(1, 1))]
N_NEW = 6


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_sets_in_one_batch_decode_like_each_set_alone(name, tiny):
    model = tiny(name)
    stops = decode(HookedEngine(model), PROMPTS[:1], max_new_tokens=3, stop_ids=())[0][2:]
    together = decode_sets(HookedEngine(model), PROMPTS, SETS, max_new_tokens=N_NEW, stop_ids=stops)
    for heads, found in zip(SETS, together, strict=True):
        with ablated_heads(model, heads):
            assert found == decode(
                HookedEngine(model), PROMPTS, max_new_tokens=N_NEW, stop_ids=stops
            )
    assert together[0] != together[1]


def test_the_model_decodes_as_before_afterwards(tiny_model):
    before = decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW)
    decode_sets(HookedEngine(tiny_model), PROMPTS, SETS, max_new_tokens=2)
    assert decode(HookedEngine(tiny_model), PROMPTS, max_new_tokens=N_NEW) == before


def test_a_head_that_the_model_lacks_is_refused(tiny_model):
    with pytest.raises(InputError, match=r"has no head L9H0"):
        decode_sets(HookedEngine(tiny_model), PROMPTS, [(Head(9, 0),)], max_new_tokens=1)
