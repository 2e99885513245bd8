"""Every architecture against plain Hugging Face eager code, and `docs/models.md` against that."""

import dataclasses
from importlib.metadata import version

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import USABLE
from tests.support.eager_reference import (
    HEADS,
    TOLERANCE,
    Reference,
    importance_difference,
    score_difference,
    token_ids,
)
from tests.support.matrix import NOTES, agreeing_row, documented_rows, refused_row, table_line
from tests.support.uniform_forms import FORMS, uniform_difference
from workbench.engines import HookedEngine
from workbench.errors import ModelRefusedError
from workbench.models import load_model

REFUSED = ("neo", "gptoss", "bloom", "mpt", "deepseek3", "gptj", "opt")
# The other half is held against the same properties, one by one, in the fast tests.
LONG = (*USABLE, "gemma", "olmo", "olmo3", "phi", "smollm3", "stablelm")
# TransformerLens 3.9 wraps these and computes other attention.
WRONG_BEFORE_4 = ("cohere", "cohere2")
CHEAP = [name for name in NOTES if name not in (*LONG, *REFUSED)]
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in LONG]


def test_the_table_has_every_architecture():
    assert set(documented_rows()) == set(NOTES)


@pytest.mark.parametrize("name", [*CHEAP, *OTHERS])
def test_an_architecture_agrees_with_eager_attention_as_documented(name, checkpoint, tiny):
    if name in WRONG_BEFORE_4 and version("transformer-lens") < "4":
        with pytest.raises(ModelRefusedError, match="other logits than `transformers` does"):
            load_model(str(checkpoint(name)), device="cpu")
        return
    row = agreeing_row(name, checkpoint(name), tiny(name))
    assert "no" not in row
    assert documented_rows()[name] == table_line(row), "run python -m tests.support.matrix"


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_architecture_is_documented_with_its_reason(name, checkpoint):
    with pytest.raises(ModelRefusedError) as refusal:
        load_model(str(checkpoint(name)), device="cpu")
    row = refused_row(name, checkpoint(name), str(refusal.value))
    assert documented_rows()[name] == table_line(row), "run python -m tests.support.matrix"


@pytest.mark.parametrize("name", [name for name in NOTES if name not in REFUSED])
def test_the_reference_is_eager_attention_where_no_head_is_uniform(name, checkpoint):
    reference = Reference(checkpoint(name))
    plain = AutoModelForCausalLM.from_pretrained(checkpoint(name), attn_implementation="eager")
    with torch.no_grad():
        expected = plain(token_ids(), use_cache=False, output_attentions=True)
    torch.testing.assert_close(reference.logits(token_ids()), expected.logits, atol=1e-6, rtol=0)
    for layer, pattern in enumerate(expected.attentions):
        torch.testing.assert_close(reference.patterns[layer], pattern, atol=1e-6, rtol=0)
    assert not torch.allclose(reference.logits(token_ids(), HEADS), expected.logits, atol=0.1)


def test_a_wrong_window_shows_in_every_comparison_that_knows_it(checkpoint, tiny):
    reference = Reference(checkpoint("mistral"))
    wrong = dataclasses.replace(tiny("mistral"), windows=(None, None, None))
    assert uniform_difference(wrong, reference, "pattern", "none") > 100 * TOLERANCE
    assert uniform_difference(wrong, reference, "pattern", "left") > 100 * TOLERANCE
    assert uniform_difference(wrong, reference, "values", "none") > 100 * TOLERANCE
    assert importance_difference(wrong, reference) > 100 * TOLERANCE


def test_the_wrong_weights_show_in_every_comparison(checkpoint, tiny):
    reference = Reference(checkpoint("llama"))
    with torch.no_grad():
        reference.model.get_parameter("model.layers.0.self_attn.k_proj.weight").neg_()
    for form in FORMS:
        assert uniform_difference(tiny("llama"), reference, form, "none") > 100 * TOLERANCE
    assert importance_difference(tiny("llama"), reference) > 100 * TOLERANCE
    assert score_difference(HookedEngine(tiny("llama")), reference) > 100 * TOLERANCE
