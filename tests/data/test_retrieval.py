import json
import random
import re

import pytest

from workbench.data.retrieval import (
    ALPHABET,
    INSTRUCTION,
    TooShortError,
    compose,
    fill_document,
    make_document,
    plain_sentences,
)

SENTENCES = [
    f"The {word} lies on the table." for word in ("cup", "pen", "key", "map", "hat", "egg", "ball")
]


def document_of(seed=0, **options):
    wanted = {"n_pairs": 6, "n_shots": 3, **options}
    return make_document(random.Random(seed), SENTENCES, **wanted)


def pairs_and_questions(document):
    body, end = json.JSONDecoder().raw_decode(document.prompt.removeprefix(INSTRUCTION).lstrip())
    rest = document.prompt.removeprefix(INSTRUCTION).lstrip()[end:]
    return body, re.findall(r"Key: (\w+)\nValue: (.*)\n", rest), rest


def test_the_completion_is_the_value_of_the_asked_key():
    for seed in range(50):
        document = document_of(seed)
        pairs, _, rest = pairs_and_questions(document)
        assert pairs[document.key] == document.completion
        assert rest.endswith(f"Key: {document.key}\nValue:")


def test_the_object_holds_the_asked_number_of_different_pairs():
    pairs, _, _ = pairs_and_questions(document_of(n_pairs=7))
    assert len(pairs) == 7
    assert set(pairs.values()) == set(SENTENCES)


@pytest.mark.parametrize("n_shots", [0, 1, 3, 5])
def test_solved_questions_are_right_and_never_the_asked_one(n_shots):
    for seed in range(20):
        document = document_of(seed, n_shots=n_shots)
        pairs, solved, _ = pairs_and_questions(document)
        assert len({key for key, _ in solved}) == n_shots
        assert all(pairs[key] == value for key, value in solved)
        assert document.key not in dict(solved)


def test_keys_have_the_asked_length_and_only_letters_and_digits():
    for length in (32, 5):
        pairs, _, _ = pairs_and_questions(document_of(key_length=length))
        assert all(len(key) == length and set(key) <= set(ALPHABET) for key in pairs)


def test_the_same_seed_gives_the_same_document_and_another_seed_another():
    assert document_of(3) == document_of(3)
    assert document_of(3) != document_of(4)


@pytest.mark.parametrize("n_shots", [-1, 6, 9])
def test_more_solved_questions_than_pairs_are_refused(n_shots):
    words = f"n_shots is {n_shots}, expected 0 to n_pairs - 1 (5)"
    with pytest.raises(ValueError, match=re.escape(words)):
        document_of(n_shots=n_shots)


def n_characters(document):
    return len(document.prompt) + len(document.completion)


@pytest.mark.parametrize("seed", range(20))
def test_the_spans_hold_key_and_value_inside_the_object_and_not_in_the_questions(seed):
    document = document_of(seed)
    end_of_object = document.prompt.index("\n}\n")
    for (start, end), text in (
        (document.key_span, document.key),
        (document.value_span, document.completion),
    ):
        assert document.prompt[start:end] == text
        assert end < end_of_object
        assert document.prompt[start - 1] == document.prompt[end] == '"'


def test_a_value_that_json_escapes_has_the_span_of_its_escaped_form():
    pairs = {"aaaa": 'She said "no".', "bbbb": "C:\\new\nline", "cccc": "No."}
    document = compose(pairs, shots=["cccc"], asked="bbbb")
    start, end = document.value_span
    assert document.prompt[start:end] == "C:\\\\new\\nline"
    assert document.n_pairs == 3


@pytest.mark.parametrize("limit", [420, 600, 900, 100_000])
@pytest.mark.parametrize("seed", range(5))
def test_a_document_is_filled_until_not_one_more_pair_fits(limit, seed):
    sentences = [
        f"{word.title()} number {i} is here." for i in range(30) for word in ("cup", "pen")
    ]
    lengths = {}

    def count(document):
        lengths[document.n_pairs] = n_characters(document)
        return n_characters(document)

    rng = random.Random(seed)
    document = fill_document(rng, sentences, limit=limit, n_tokens=count, key_length=8)
    assert n_characters(document) <= limit
    if limit == 100_000:
        assert document.n_pairs == len(sentences)
    else:
        assert lengths[document.n_pairs + 1] > limit
    pairs, solved, _ = pairs_and_questions(document)
    assert len(solved) == 3
    assert all(pairs[key] == value for key, value in solved)
    assert pairs[document.key] == document.completion
    again = fill_document(random.Random(seed), sentences, limit=limit, n_tokens=count, key_length=8)
    assert again == document


def test_the_asked_pair_stands_anywhere_in_the_object():
    sentences = [f"Cup number {i} is here." for i in range(40)]
    places = []
    for seed in range(30):
        document = fill_document(
            random.Random(seed), sentences, limit=1500, n_tokens=n_characters, key_length=8
        )
        pairs, _, _ = pairs_and_questions(document)
        places.append(list(pairs).index(document.key) / len(pairs))
    assert min(places) < 0.2
    assert max(places) > 0.8


def test_a_limit_that_not_one_sample_fits_is_said_with_what_would_be_needed():
    with pytest.raises(TooShortError) as caught:
        fill_document(random.Random(0), SENTENCES, limit=200, n_tokens=n_characters)
    assert 200 < caught.value.needed < 1000


def test_plain_sentences_need_no_escape_and_stand_once():
    texts = [
        'He came . She said " no " . He came . Is it <unk> ? Yes ! and then some. The end',
        "A @-@ b is one. It rains!",
    ]
    assert plain_sentences(texts) == ["He came .", "Yes !", "It rains!"]
    assert all(json.dumps(s) == f'"{s}"' for s in plain_sentences(texts))
