import pytest

from tests.models.test_render import with_bos
from workbench.config import digest
from workbench.errors import InputError
from workbench.models import load_model, render
from workbench.models.tokenizer import tokenizer_facts, usable_tokenizer


def loaded(folder, template):
    return load_model(str(folder), device="cpu", template=template, check=False)


def test_a_chat_model_renders_plainly_where_it_is_told_to(checkpoint, samples):
    folder = checkpoint("llama")
    texts = {}
    for template in ("auto", "chat", "none"):
        model = loaded(folder, template)
        texts[template] = model.tokenizer.decode(render(samples[0], model.tokenizer).ids)
    plain = f"{samples[0].prompt}\n{samples[0].completion}"
    assert (
        texts["auto"]
        == texts["chat"]
        == f"<|user|>{plain.replace(chr(10), chr(10) + '<|assistant|>', 1)}\n"
    )
    assert texts["none"] == plain


def test_a_base_model_has_no_template_to_insist_on(checkpoint):
    folder = checkpoint("llama", chat=False)
    assert loaded(folder, "auto").facts["template"] == "none"
    with pytest.raises(InputError, match=r"has no chat template, .*; pass --template auto or none"):
        loaded(folder, "chat")


def test_an_unknown_template_lists_the_known_ones(checkpoint):
    with pytest.raises(InputError, match="the template is 'alpaca', expected auto or none or chat"):
        loaded(checkpoint("llama"), "alpaca")


def test_the_facts_name_the_template_that_is_used(checkpoint):
    with_template, without = (loaded(checkpoint("llama"), t).facts for t in ("auto", "none"))
    assert (with_template["template"], without["template"]) == ("chat", "none")
    assert without["template_sha256"] == digest("")
    assert with_template["template_sha256"] != without["template_sha256"]
    assert with_template["tokenizer_sha256"] == without["tokenizer_sha256"]


def test_the_facts_name_every_token_that_is_added(tiny_model, checkpoint):
    assert tiny_model.facts["added_tokens"] == []
    tokenizer = with_bos(loaded(checkpoint("llama"), "auto").tokenizer)
    assert tokenizer_facts(tokenizer)["added_tokens"] == ["<|bos|>"]


def test_one_choice_holds_for_every_row_of_a_model(checkpoint, samples):
    """Probe, scores and validation ask `render` alone, with the tokenizer of the model."""
    plain = loaded(checkpoint("llama"), "none")
    for sample in samples:
        rendered = render(sample, plain.tokenizer)
        assert rendered.n_leading == 0
        assert int(rendered.counted("all").sum()) == len(rendered.ids) - 1  # the newline


def test_taking_the_template_off_does_not_reach_another_model(checkpoint):
    before = loaded(checkpoint("llama"), "auto").tokenizer.chat_template
    loaded(checkpoint("llama"), "none")
    assert loaded(checkpoint("llama"), "auto").tokenizer.chat_template == before


def test_taking_the_template_off_leaves_the_callers_tokenizer_as_it_is(checkpoint):
    own = loaded(checkpoint("llama"), "auto").tokenizer
    before = own.chat_template
    assert usable_tokenizer(own, "llama", "none").chat_template is None
    assert own.chat_template == before
    assert before


def test_a_tokenizer_of_ones_own_is_held_to_the_same(tiny_model):
    assert usable_tokenizer(tiny_model.tokenizer, "own", "auto") is tiny_model.tokenizer
