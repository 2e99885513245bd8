import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import FORMATS, to_format, to_sample
from workbench.errors import InputError

SURROGATES = ("Cs",)
TEXTS = st.text(st.characters(exclude_categories=SURROGATES), min_size=1, max_size=20)
PROMPTS = TEXTS.filter(str.strip)


def turns_of(who, what, roles):
    user, assistant, system = roles

    def build(parts):
        opening, pairs, question, answer = parts
        turns = [(system, opening)] if opening else []
        turns += [turn for q, a in pairs for turn in ((user, q), (assistant, a))]
        turns += [(user, question)] + ([(assistant, answer)] if answer else [])
        return [{who: role, what: text} for role, text in turns]

    pairs = st.lists(st.tuples(TEXTS, TEXTS), max_size=2)
    return st.tuples(st.none() | TEXTS, pairs, PROMPTS, st.none() | TEXTS).map(build)


def pair_of(prompt, completion):
    answers = st.none() | st.just("") | TEXTS
    return st.fixed_dictionaries({prompt: PROMPTS}, optional={completion: answers})


ROWS = st.one_of(
    pair_of("prompt", "completion"),
    pair_of("problem", "solution"),
    pair_of("question", "answer"),
    st.builds(
        lambda row, extra: {**row, **extra},
        pair_of("instruction", "output"),
        st.fixed_dictionaries({}, optional={"input": st.none() | TEXTS}),
    ),
    turns_of("role", "content", ("user", "assistant", "system")).map(lambda t: {"messages": t}),
    turns_of("from", "value", ("human", "gpt", "system")).map(lambda t: {"conversations": t}),
)
SHAPE_FORMATS = ("prompt-completion", "messages", "alpaca", "sharegpt")


@given(ROWS, st.sampled_from(SHAPE_FORMATS))
def test_a_format_keeps_prompt_and_completion(row, fmt):
    sample = to_sample(row, 0, "here")
    again = to_sample(to_format(sample, fmt), 0, "here", fmt)
    assert (again.prompt, again.completion) == (sample.prompt, sample.completion)


@given(ROWS, st.sampled_from(SHAPE_FORMATS))
def test_what_was_written_is_understood_without_naming_the_shape(row, fmt):
    sample = to_sample(row, 0, "here")
    again = to_sample(to_format(sample, fmt), 0, "here")
    assert (again.prompt, again.completion) == (sample.prompt, sample.completion)


@given(ROWS, st.sampled_from(("messages", "sharegpt")))
def test_chat_formats_keep_every_turn(row, fmt):
    sample = to_sample(row, 0, "here")
    assert to_sample(to_format(sample, fmt), 0, "here", fmt).messages == sample.messages


SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1+1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "And 2+2?"},
    {"role": "assistant", "content": "4"},
]


@pytest.mark.parametrize("fmt", SHAPE_FORMATS)
def test_system_prompt_and_earlier_turns_come_back_from_every_format(fmt):
    sample = to_sample({"messages": SAID}, 0, "here")
    written = to_format(sample, fmt)
    assert to_sample(written, 0, "here", fmt).messages == sample.messages
    if fmt in ("prompt-completion", "alpaca"):
        assert written["system"] == "Be brief."
        assert written["history"] == [["1+1?", "2"]]


@pytest.mark.parametrize("fmt", ["prompt-completion", "alpaca"])
def test_a_column_that_is_no_history_is_not_taken_for_one(fmt):
    row = {"problem": "1+1?", "solution": "2", "history": "ancient"}
    sample = to_sample(row, 0, "here")
    written = to_format(sample, fmt)
    assert written["history"] is None
    assert written["original_history"] == "ancient"
    assert to_sample(written, 0, "here", fmt).messages == sample.messages


@pytest.mark.parametrize("fmt", ["prompt-completion", "alpaca"])
def test_calls_of_tools_have_no_room_beside_a_prompt(fmt):
    call = {"type": "function", "function": {"name": "add", "arguments": {}}}
    turns = [SAID[1], {"role": "assistant", "content": "", "tool_calls": [call]}]
    turns += [{"role": "tool", "content": "2"}, SAID[2]]
    sample = to_sample({"id": "c", "messages": turns}, 0, "here")
    with pytest.raises(InputError, match=r"row 'c' calls tools.*export as messages or sharegpt"):
        to_format(sample, fmt)


@given(ROWS, st.sampled_from(FORMATS))
def test_no_original_value_is_lost(row, fmt):
    row = {**row, "level": 3, "graph": {"a": ["b"]}}
    written = to_format(to_sample(row, 0, "here"), fmt)
    assert all(
        value is None or value in (written[name], written.get(f"original_{name}"))
        for name, value in row.items()
    )


@pytest.mark.parametrize("fmt", ["jsonl", "parquet"])
def test_the_row_itself_is_written_unchanged(fmt):
    row = {"id": 7, "text": "t", "extra": [1, None]}
    assert to_format(to_sample(row, 0, "here"), fmt) == row


def test_fields_and_columns_of_a_case_worked_out_by_hand():
    row = {"problem": "1+1?", "solution": "2", "prompt": {"v": 1}, "level": 3}
    sample = to_sample(row, 0, "here", "problem-solution")
    assert to_format(sample, "prompt-completion") == {
        "prompt": "1+1?",
        "completion": "2",
        "problem": "1+1?",
        "solution": "2",
        "original_prompt": {"v": 1},
        "level": 3,
    }


def test_a_colliding_column_never_overwrites_another():
    row = {"problem": "p", "prompt": 1, "original_prompt": 2}
    written = to_format(to_sample(row, 0, "here", "problem-solution"), "prompt-completion")
    assert written["prompt"] == "p"
    assert (written["original_prompt"], written["original_original_prompt"]) == (2, 1)


def test_a_row_already_in_the_format_stays_as_it_is():
    row = {"instruction": "Add.", "input": "1 and 1", "output": "2", "level": 3}
    assert to_format(to_sample(row, 0, "here"), "alpaca") == row


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "user", "content": "u"}, {"from": "gpt", "value": "a"}],
        [
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a"},
            {"role": "human", "content": "v"},
            {"role": "assistant", "content": "b"},
        ],
    ],
)
def test_turns_in_two_spellings_are_written_in_one(said):
    sample = to_sample({"messages": said}, 0, "test")
    spelt = [{"role": m.role, "content": m.content} for m in sample.messages]
    assert to_format(sample, "messages")["messages"] == spelt


def test_a_prompt_only_row_gets_an_empty_completion():
    sample = to_sample({"prompt": "p", "completion": None}, 0, "here")
    assert to_format(sample, "prompt-completion") == {"prompt": "p", "completion": ""}


@pytest.mark.parametrize("fmt", SHAPE_FORMATS)
def test_plain_text_is_not_turned_into_a_conversation(fmt):
    sample = to_sample({"id": "t1", "text": "t"}, 0, "here")
    with pytest.raises(InputError, match=r"row 't1' is plain text.*export as jsonl or parquet"):
        to_format(sample, fmt)


def test_an_unknown_format_is_refused_with_the_known_ones():
    sample = to_sample({"text": "t"}, 0, "here")
    with pytest.raises(InputError, match="format is 'xml', expected one of jsonl, parquet, prom"):
        to_format(sample, "xml")
