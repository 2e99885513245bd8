import json
import random
import re

import pytest

from workbench.data.retrieval import ALPHABET, INSTRUCTION, make_document

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
