import numpy as np
import pytest
from tokenizers import AddedToken, processors

from tests.support.checkpoints import TEMPLATE, byte_tokenizer
from workbench.models import UnrenderableError, render
from workbench.models.render import Span, _places_of
from workbench.types import Message, Sample

LETTERS = np.array(["t", "p", "c"])


def conversation(*turns):
    return Sample("id", 0, "tests", "messages", messages=tuple(Message(*turn) for turn in turns))


def pair(prompt, completion):
    return conversation(("user", prompt), ("assistant", completion))


def plain_text(text):
    return Sample("id", 0, "tests", "text", text=text)


def pieces(rendered, tokenizer):
    """Decoded runs of tokens of one part, as `part:text`."""
    letters = LETTERS[rendered.parts]
    breaks = np.flatnonzero(letters[1:] != letters[:-1]) + 1
    runs = np.split(np.arange(len(letters)), breaks)
    return [f"{letters[run[0]]}:{tokenizer.decode([rendered.ids[i] for i in run])}" for run in runs]


def test_through_a_template_prompt_and_completion_are_told_from_markup():
    tokenizer = byte_tokenizer()
    rendered = render(pair("1 + 1?", "2."), tokenizer)
    assert pieces(rendered, tokenizer) == [
        "t:<|user|>",
        "p:1 + 1?",
        "t:\n<|assistant|>",
        "c:2.",
        "t:\n",
    ]
    assert not rendered.is_text


def test_without_a_template_one_newline_parts_prompt_and_completion():
    tokenizer = byte_tokenizer(chat=False)
    rendered = render(pair("1 + 1?", "2."), tokenizer)
    assert pieces(rendered, tokenizer) == ["p:1 + 1?", "t:\n", "c:2."]


def test_the_template_is_used_even_where_parts_repeat_one_another():
    tokenizer = byte_tokenizer()
    rendered = render(pair("2", "2"), tokenizer)
    assert pieces(rendered, tokenizer) == ["t:<|user|>", "p:2", "t:\n<|assistant|>", "c:2", "t:\n"]


@pytest.mark.parametrize(("prompt", "completion"), [("s", "a"), ("user", "assistant"), ("|", "|>")])
def test_content_that_also_occurs_in_the_markup_is_found_at_its_own_place(prompt, completion):
    tokenizer = byte_tokenizer()
    rendered = render(pair(prompt, completion), tokenizer)
    expected = ["t:<|user|>", f"p:{prompt}", "t:\n<|assistant|>", f"c:{completion}", "t:\n"]
    assert pieces(rendered, tokenizer) == expected


@pytest.mark.parametrize("chat", [True, False])
def test_plain_text_is_taken_as_it_is_and_counts_for_every_part(chat):
    tokenizer = byte_tokenizer(chat=chat)
    rendered = render(plain_text("To be\n\nor not"), tokenizer)
    assert pieces(rendered, tokenizer) == ["p:To be\n\nor not"]
    assert rendered.is_text
    assert all(rendered.counted(part).all() for part in ("prompt", "completion", "all"))


def test_only_the_last_assistant_turn_is_the_completion():
    tokenizer = byte_tokenizer()
    turns = [
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", "Yes?"),
        ("user", "1+1"),
        ("assistant", "2"),
    ]
    found = pieces(render(conversation(*turns), tokenizer), tokenizer)
    assert [piece for piece in found if not piece.startswith("t:")] == [
        "p:Be kind.",
        "p:Hi",
        "p:Yes?",
        "p:1+1",
        "c:2",
    ]


def test_a_conversation_that_ends_with_the_user_has_no_completion():
    tokenizer = byte_tokenizer()
    rendered = render(
        conversation(("user", "Hi"), ("assistant", "Yes?"), ("user", "1+1")), tokenizer
    )
    assert pieces(rendered, tokenizer)[-2:] == ["p:1+1", "t:\n<|assistant|>"]
    assert not rendered.counted("completion").any()


@pytest.mark.parametrize("chat", [True, False])
def test_prompt_only_is_the_beginning_of_the_whole(chat):
    tokenizer = byte_tokenizer(chat=chat)
    whole = render(pair("1 + 1?", "2."), tokenizer)
    prompt = render(pair("1 + 1?", "2."), tokenizer, prompt_only=True)
    # What validation decodes after, and the playground asks.
    assert prompt.ids == whole.ids[: whole.window("completion")[0]]
    assert prompt.prompt_length == whole.prompt_length
    assert not prompt.counted("completion").any()


@pytest.mark.parametrize("chat", [True, False])
def test_an_answer_is_never_decoded_after_an_end_token(chat):
    tokenizer = byte_tokenizer(chat=chat)
    plain = render(pair("1 + 1?", "2."), tokenizer, prompt_only=True)
    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end[0]}", special_tokens=[end]
    )
    assert tokenizer("x")["input_ids"][-1] == tokenizer.eos_token_id
    assert render(pair("1 + 1?", "2."), tokenizer, prompt_only=True).ids == plain.ids


CALLS = TOOLS = [{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}]
WITH_CALLS = (
    "{% for m in messages %}<|user|>{{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %}"
    "[{{ c.function.name }}{{ c.function.arguments | tojson }}]{% endfor %}{% endfor %}"
    "{% if tools %}{{ tools | length }} tools{% endif %}"
)


def calling(**more):
    turns = (
        Message("user", "1+1?"),
        Message("assistant", "", {"tool_calls": CALLS}),
        Message("tool", "2"),
        Message("assistant", "It is 2."),
    )
    return Sample("r", 0, "tests", "messages", turns, **more)


def test_tool_calls_go_through_the_template_with_the_functions():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = WITH_CALLS
    rendered = render(calling(tools=tuple(TOOLS)), tokenizer)
    text = tokenizer.decode(rendered.ids)
    assert 'assistant:[add{"a": 1}]<|user|>tool:2' in text
    assert text.endswith("1 tools")
    counted = [i for i, c in zip(rendered.ids, rendered.counted("completion"), strict=True) if c]
    assert tokenizer.decode(counted) == "It is 2."


def test_a_template_that_wants_a_call_before_each_result_is_no_template_without_calls():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = (
        "{% set ns = namespace(called=false) %}{% for m in messages %}"
        "{% if m.tool_calls %}{% set ns.called = true %}{% endif %}"
        "{% if m.role == 'tool' and not ns.called %}{{ raise_exception('no call') }}{% endif %}"
        "<|user|>{{ m.content }}{% endfor %}"
    )
    assert tokenizer.decode(render(calling(), tokenizer).ids).endswith("It is 2.")


@pytest.mark.parametrize(
    ("chat", "reason"),
    [(True, "has no tool calls, which the row makes"), (False, "needs a chat template")],
)
def test_tool_calls_that_would_be_lost_are_refused(chat, reason):
    with pytest.raises(UnrenderableError, match=reason):
        render(calling(), byte_tokenizer(chat=chat))


def test_counted_tokens_and_windows_are_those_of_the_named_part():
    tokenizer = byte_tokenizer()
    rendered = render(pair("1+1", "2."), tokenizer)
    assert "".join(LETTERS[rendered.parts]) == "tpppttcct"
    assert rendered.n_leading == 1
    assert rendered.prompt_length == 4
    assert np.flatnonzero(rendered.counted("prompt")).tolist() == [1, 2, 3]
    assert np.flatnonzero(rendered.counted("completion")).tolist() == [6, 7]
    assert np.flatnonzero(rendered.counted("all")).tolist() == [1, 2, 3, 6, 7]
    assert rendered.window("prompt") == (0, 4)
    assert rendered.window("completion") == (6, 8)
    assert rendered.window("all") == (0, 8)


def test_a_template_that_strips_the_text_loses_only_the_spaces():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE.replace("['content']", "['content'] | trim")
    rendered = render(pair("  1 + 1?\n", " 2. "), tokenizer)
    assert pieces(rendered, tokenizer) == [
        "t:<|user|>",
        "p:1 + 1?",
        "t:\n<|assistant|>",
        "c:2.",
        "t:\n",
    ]


def test_a_template_that_strips_one_role_only_is_followed_by_search():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}[{% if m['role'] == 'user' %}{{ m['content'] }}{% else %}"
        "{{ m['content'] | trim }}{% endif %}]{% endfor %}"
    )
    rendered = render(pair(" 1 + 1? ", " 2. "), tokenizer)
    assert pieces(rendered, tokenizer) == ["t:[", "p: 1 + 1? ", "t:][", "c:2.", "t:]"]


def test_a_template_that_rewrites_the_text_is_a_reason():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE.replace("['content']", "['content'] | upper")
    with pytest.raises(UnrenderableError, match="the chat template rewrote the user message"):
        render(pair("one and one?", "two"), tokenizer)


def test_a_template_that_refuses_the_row_is_a_reason():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(UnrenderableError, match="refused the row: roles must alternate"):
        render(pair("1 + 1?", "2"), tokenizer)


@pytest.mark.parametrize("sample", [plain_text(""), pair("", "2")])
@pytest.mark.parametrize("chat", [True, False])
def test_an_empty_prompt_is_a_reason(sample, chat):
    with pytest.raises(UnrenderableError, match="the prompt has no tokens"):
        render(sample, byte_tokenizer(chat=chat))


@pytest.mark.parametrize("chat", [True, False])
def test_an_empty_completion_counts_nothing(chat):
    rendered = render(pair("1 + 1?", ""), byte_tokenizer(chat=chat))
    assert not rendered.counted("completion").any()
    assert rendered.window("completion")[0] == rendered.window("completion")[1]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("prompt", ["🙂 + 🙂?", "三加四", "naïve – ∑"])
def test_every_byte_of_a_long_character_belongs_to_its_part(prompt, chat):
    tokenizer = byte_tokenizer(chat=chat)
    rendered = render(pair(prompt, "🙂🙂 é"), tokenizer)
    assert int(rendered.counted("prompt").sum()) == len(prompt.encode())
    assert int(rendered.counted("completion").sum()) == len("🙂🙂 é".encode())


def with_bos(tokenizer):
    """The same tokenizer, which now puts a BOS before every text."""
    tokenizer.add_special_tokens({"bos_token": "<|bos|>"})
    bos = ("<|bos|>", tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[bos]
    )
    return tokenizer


def test_a_bos_of_the_tokenizer_is_kept_and_is_template():
    tokenizer = with_bos(byte_tokenizer(chat=False))
    rendered = render(pair("1 + 1?", "2."), tokenizer)
    assert pieces(rendered, tokenizer) == ["t:<|bos|>", "p:1 + 1?", "t:\n", "c:2."]
    assert pieces(render(plain_text("To be"), tokenizer), tokenizer) == ["t:<|bos|>", "p:To be"]


def test_a_bos_that_the_template_writes_is_not_doubled():
    tokenizer = with_bos(byte_tokenizer())
    tokenizer.chat_template = "{{ bos_token }}" + TEMPLATE
    rendered = render(pair("1 + 1?", "2."), tokenizer)
    assert rendered.ids.count(tokenizer.bos_token_id) == 1
    assert pieces(rendered, tokenizer)[:2] == ["t:<|bos|><|user|>", "p:1 + 1?"]


def test_to_what_a_template_writes_no_token_is_added():
    """As `transformers` renders a conversation, and TRL with it."""
    tokenizer = with_bos(byte_tokenizer())
    rendered = render(pair("1 + 1?", "2."), tokenizer)
    turns = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2."}]
    assert list(rendered.ids) == tokenizer.apply_chat_template(turns, return_dict=False)
    assert pieces(rendered, tokenizer)[0] == "t:<|user|>"


def test_a_token_across_two_parts_belongs_to_the_first():
    tokenizer = byte_tokenizer(chat=False)
    tokenizer.add_tokens(
        [AddedToken("?\n2", normalized=False), AddedToken("\n3", normalized=False)]
    )
    assert pieces(render(pair("1+1?", "2."), tokenizer), tokenizer) == ["p:1+1?\n2", "c:."]
    assert pieces(render(pair("1+2?", "3."), tokenizer), tokenizer) == ["p:1+2?", "c:\n3."]


def test_the_bundled_model_shows_each_part_of_a_pair_once(bundled_model):
    tokenizer = bundled_model.tokenizer
    rendered = render(pair("Tom has 3 pens.", "3"), tokenizer)
    by_part = {piece[0]: piece[2:] for piece in pieces(rendered, tokenizer)}
    assert (by_part["p"], by_part["c"]) == ("Tom has 3 pens.", "3")


def test_the_text_of_a_special_token_becomes_that_token():
    """As docs/models.md says: rows are read as the model's own training data would be."""
    tokenizer = byte_tokenizer()
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    rendered = render(pair("a<|end|>b", "2."), tokenizer)
    place = rendered.ids.index(end)
    assert LETTERS[rendered.parts[place]] == "p"
    assert pieces(rendered, tokenizer)[1] == "p:a<|end|>b"


def test_places_are_those_that_a_loop_over_the_tokens_finds():
    """Random tokens over random spans, with gaps between both and tokens across borders."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        length = int(rng.integers(1, 30))
        borders = sorted(rng.integers(0, length + 1, 2 * int(rng.integers(0, 4))).tolist())
        spans = [
            Span(*borders[i : i + 2], part=int(rng.integers(1, 3)), stripped=int(rng.integers(3)))
            for i in range(0, len(borders), 2)
        ]
        starts = sorted(rng.integers(0, length + 1, 8).tolist())
        offsets = [(a, min(length, a + int(rng.integers(0, 5)))) for a in starts]
        parts, chars = _places_of("x" * length, spans, offsets)
        for (start, end), part, place in zip(offsets, parts, chars, strict=True):
            touched = [s for c in range(start, end) for s in spans if s.start <= c < s.end]
            if not touched:
                assert (part, *place) == (0, 0, 0)
                continue
            span = touched[0]
            cut = [min(max(at, span.start), span.end) for at in (start, end)]
            assert part == span.part
            assert place.tolist() == [at - span.start + span.stripped for at in cut]
