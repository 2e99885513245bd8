"""Think blocks through chat templates of real models: what TRL trains on is what is scored."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.checkpoints import byte_tokenizer
from workbench.models import UnrenderableError, render
from workbench.models.inputs import fill_template
from workbench.models.thinking import halves, kept_reasoning
from workbench.models.tokenizer import tokenizer_facts
from workbench.types import Message, Sample

trl = pytest.importorskip("trl.chat_template_utils", reason="needs the extra 'train'")
FOLDER = Path(trl.__file__).parent / "chat_templates"
NAMES = ("deepseek_r1_distill", "glm4moe", "qwen3", "qwen3_5_think", "qwen3_8", "qwen2_5")
ASK, NEXT = ("user", "What is 1 + 1?"), ("user", "And a + think?")
THOUGHT = ("assistant", "<think>\nOne and one.\n</think>\n\nIt is 2.")
ROWS = {
    "plain": (ASK, ("assistant", "a")),
    "think": (ASK, THOUGHT),
    "think, no white space": (ASK, ("assistant", "<think>One and one.</think>It is 2.")),
    "think, not opened": (ASK, ("assistant", "One and one.\n</think>\n\nIt is 2.")),
    "think, nothing": (ASK, ("assistant", "<think>\n\n</think>\n\nIt is 2.")),
    "system": (("system", "Be brief."), ASK, THOUGHT),
    "several turns": (ASK, ("assistant", "2"), NEXT, ("assistant", "3")),
    "several turns with think": (ASK, THOUGHT, NEXT, ("assistant", "<think>\na\n</think>\n\n2.")),
}


def row(*turns):
    return Sample("r", 0, "tests", "messages", tuple(Message(*turn) for turn in turns))


def tokenizer_of(name):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = (FOLDER / f"{name}.jinja").read_text()
    return tokenizer


def text_of(tokenizer, ids):
    return tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)


def of_trl(tokenizer, sample):
    """Ids, and how many of them TRL 1.16 takes for the prompt (`SFTTrainer._prepare_dataset`)."""
    tokenizer.chat_template = kept_reasoning(tokenizer.chat_template)
    turns = [{"role": m.role, "content": m.content} for m in sample.messages]
    how = {"tokenize": True, "return_dict": False}
    whole = tokenizer.apply_chat_template(turns, **how)
    prompt = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, **how)
    n = next(
        (i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(prompt)
    )
    return whole, n


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ROWS)
def test_what_trl_trains_on_is_what_is_scored(name, kind):
    sample, tokenizer = row(*ROWS[kind]), tokenizer_of(name)
    rendered = render(sample, tokenizer)
    ids, n_prompt = of_trl(tokenizer, sample)
    assert list(rendered.ids) == ids
    counted = rendered.counted("completion")
    assert not counted[:n_prompt].any()
    # TRL also learns what the template puts around the answer: its end, and tags that are empty.
    more = [i for i, c in zip(ids[n_prompt:], counted[n_prompt:], strict=True) if not c]
    rest = "".join(text_of(tokenizer, more).split())
    for tag in ("<think>", "</think>", "<|im_end|>", "<|user|>", "<｜end▁of▁sentence｜>"):
        rest = rest.replace(tag, "")
    assert rest == ""
    said = "".join(text_of(tokenizer, np.array(ids)[counted]).split())
    expected = "".join(sample.completion.split())
    assert expected.endswith(said)
    assert said.endswith(expected.rpartition("</think>")[2])
    if "One and one" in sample.completion:
        assert "Oneandone.</think>" in said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [kind for kind in ROWS if kind.startswith("think")])
def test_places_in_the_row_are_those_of_the_same_letters(name, kind):
    sample, tokenizer = row(*ROWS[kind]), tokenizer_of(name)
    rendered = render(sample, tokenizer)
    content = sample.completion
    for i in np.flatnonzero(rendered.counted("completion")):
        start, end = rendered.char_spans()[i]
        assert end == start + 1
        said = text_of(tokenizer, rendered.ids[i : i + 1])
        assert said.isspace() or said == content[start]


@pytest.mark.parametrize("kind", ROWS)
def test_the_sentence_taken_out_is_the_one_that_trl_takes_out(kind):
    own, training = (FOLDER / f"deepseek_r1_distill{v}.jinja" for v in ("", "_training"))
    assert kept_reasoning(own.read_text()) != own.read_text()
    tokenizer = tokenizer_of("deepseek_r1_distill")
    turns = [{"role": role, "content": content} for role, content in ROWS[kind]]
    expected = tokenizer.apply_chat_template(
        turns, tokenize=False, chat_template=training.read_text()
    )
    assert fill_template(tokenizer, turns) == expected


@pytest.mark.parametrize("name", [n for n in NAMES if n != "deepseek_r1_distill"])
def test_other_templates_stay_as_they_are(name):
    template = (FOLDER / f"{name}.jinja").read_text()
    assert kept_reasoning(template) == template


@pytest.mark.parametrize(
    ("name", "answer", "earlier"),
    [
        ("deepseek_r1_distill", *2 * ("kept; the model's own template leaves it out",)),
        ("glm4moe", "white space changed", "left out"),
        ("qwen3", None, "left out"),
    ],
)
def test_what_a_template_does_to_reasoning_is_among_the_facts(name, answer, earlier):
    found = tokenizer_facts(tokenizer_of(name))["think_blocks"]
    assert (found.get("of the answer"), found.get("of earlier turns")) == (answer, earlier)
    assert "think_blocks" not in tokenizer_facts(tokenizer_of("qwen2_5"))


def test_an_answer_that_a_template_cuts_in_its_own_way_is_refused():
    tokenizer = byte_tokenizer()
    last = "m.content.split('</think>') | last"
    tokenizer.chat_template = f"{{% for m in messages %}}<|user|>{{{{ {last} }}}}{{% endfor %}}"
    with pytest.raises(UnrenderableError, match=r"cuts the think block .* --template none"):
        render(row(ASK, THOUGHT), tokenizer)


def test_a_prompt_ends_where_the_answer_begins_also_behind_an_opened_think_block():
    tokenizer = tokenizer_of("deepseek_r1_distill")
    whole, asked = (render(row(ASK, THOUGHT), tokenizer, prompt_only=p) for p in (False, True))
    assert text_of(tokenizer, asked.ids).endswith("<think>\n")
    assert asked.ids == whole.ids[: whole.window("completion")[0]]


def test_halves_lie_around_the_first_closing_tag():
    reasoning, answer = halves("<think>\n a </think> b</think>\n") or pytest.fail("no halves")
    assert (reasoning.text, reasoning.start) == ("a", 9)
    assert answer.text == "b</think>\n"
    assert halves("no block") is None


def test_white_space_in_a_row_costs_no_more_than_letters():
    spaces, began = " " * 30_000, time.process_time()
    reasoning, answer = halves(f"a{spaces}b</think>{spaces}c")
    assert (reasoning.text, reasoning.start) == (f"a{spaces}b", 0)
    assert (answer.text, answer.start) == ("c", 2 * len(spaces) + len("ab</think>"))
    assert time.process_time() - began < 0.5
