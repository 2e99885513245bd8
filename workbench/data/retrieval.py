"""Key-value retrieval documents: the synthetic task that reveals copying heads.

AttentionInfluence (arXiv 2505.07293, section 3) finds retrieval heads on an instruction, a JSON
object of random keys and natural sentences, three solved questions and one open one.

    document = make_document(random.Random(0), sentences, n_pairs=6, n_shots=3)
    document = fill_document(rng, sentences, limit=4096, n_tokens=count)
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

INSTRUCTION = "Extract the value that belongs to the given key in the JSON object below."
ALPHABET = string.ascii_letters + string.digits
N_SHOTS, KEY_LENGTH = 3, 32
# A sentence as JSON writes it: nothing in it is escaped, and no mark of a tokeniser is left.
SENTENCE = re.compile(r"[A-Z][^\"\\<>@\x00-\x1f]*[.!?]")
ATTEMPTS = 50
# Key, value and punctuation of a pair are never fewer tokens.
LEAST_PAIR = 8


@dataclass(frozen=True)
class Document:
    """A retrieval problem: `prompt` ends with the open question, `completion` is the gold value.

    The spans are start and end of the asked key and of the gold value inside the JSON object, in
    characters of the prompt, quotes excluded.
    """

    prompt: str
    completion: str
    key: str
    key_span: tuple[int, int]
    value_span: tuple[int, int]
    n_pairs: int


class TooShortError(Exception):
    """No document fits the limit; `needed` is the length of the shortest that was tried."""

    def __init__(self, needed: int):
        super().__init__(f"the shortest document has {needed} tokens")
        self.needed = needed


def make_document(
    rng: random.Random,
    sentences: list[str],
    *,
    n_pairs: int,
    n_shots: int = N_SHOTS,
    key_length: int = KEY_LENGTH,
) -> Document:
    """Draw one document of `n_pairs` distinct pairs; `n_shots` questions are answered in it."""
    if not 0 <= n_shots < n_pairs:
        raise ValueError(f"n_shots is {n_shots}, expected 0 to n_pairs - 1 ({n_pairs - 1})")
    keys = ["".join(rng.choices(ALPHABET, k=key_length)) for _ in range(n_pairs)]
    pairs = dict(zip(keys, rng.sample(sentences, n_pairs), strict=True))
    *shots, asked = rng.sample(keys, n_shots + 1)
    return compose(pairs, shots=shots, asked=asked)


def compose(pairs: Mapping[str, str], *, shots: Sequence[str], asked: str) -> Document:
    """The document of these pairs, in their order, with `shots` answered and `asked` open."""
    solved = [f"Key: {key}\nValue: {pairs[key]}\n" for key in shots]
    body = json.dumps(dict(pairs), indent=0, ensure_ascii=False)
    key, value = (json.dumps(text, ensure_ascii=False) for text in (asked, pairs[asked]))
    # A line break is escaped within JSON strings, so this finds the pair and nothing else.
    start = len(INSTRUCTION) + 1 + body.index(f"\n{key}: {value}") + 1
    after = start + len(key) + len(": ")
    return Document(
        prompt=f"{INSTRUCTION}\n{body}\n{''.join(solved)}Key: {asked}\nValue:",
        completion=pairs[asked],
        key=asked,
        key_span=(start + 1, start + len(key) - 1),
        value_span=(after + 1, after + len(value) - 1),
        n_pairs=len(pairs),
    )


def fill_document(
    rng: random.Random,
    sentences: Sequence[str],
    *,
    limit: int,
    n_tokens: Callable[[Document], int],
    n_shots: int = N_SHOTS,
    key_length: int = KEY_LENGTH,
) -> Document:
    """Draw a document with as many pairs as fit `limit` tokens, or as there are sentences.

    Raises TooShortError if even the asked pair and the shots do not fit in any of 50 draws.
    """
    least, shortest = n_shots + 1, []
    most = min(len(sentences), max(least, limit // LEAST_PAIR))
    for _ in range(ATTEMPTS):
        draw = _draw(rng, rng.sample(sentences, most), n_shots=n_shots, key_length=key_length)
        shortest.append(n_tokens(draw(least)))
        if shortest[-1] <= limit:
            return draw(_largest(draw, n_tokens, limit, least=least, most=most))
    raise TooShortError(min(shortest))


def _draw(
    rng: random.Random, values: Sequence[str], *, n_shots: int, key_length: int
) -> Callable[[int], Document]:
    """All random choices at once: `n` pairs are those of `n - 1` and one more at a random place."""
    keys = ["".join(rng.choices(ALPHABET, k=key_length)) for _ in values]
    places = [rng.random() for _ in values]

    def of(n_pairs: int) -> Document:
        order = sorted(range(n_pairs), key=lambda i: places[i])
        pairs = {keys[i]: values[i] for i in order}
        return compose(pairs, shots=keys[1 : n_shots + 1], asked=keys[0])

    return of


def _largest(
    draw: Callable[[int], Document],
    n_tokens: Callable[[Document], int],
    limit: int,
    *,
    least: int,
    most: int,
) -> int:
    """The largest number of pairs that fits; lengths are guessed from the pairs so far."""
    fits, too_many, used = least, most + 1, n_tokens(draw(least))
    per_pair = used / (2 * least)
    while too_many - fits > 1:
        guess = fits + max(1, int((limit - used) / per_pair))
        guess = min(guess, too_many - 1)
        length = n_tokens(draw(guess))
        if length <= limit:
            per_pair, fits, used = max(1.0, (length - used) / (guess - fits)), guess, length
        else:
            per_pair, too_many = max(1.0, (length - used) / (guess - fits)), guess
    return fits


def plain_sentences(texts: Iterable[str]) -> list[str]:
    """The different sentences of `texts` that need no escape in JSON, in order."""
    parts = (part for text in texts for part in re.split(r"(?<=[.!?])\s+", text))
    return list(dict.fromkeys(part for part in parts if SENTENCE.fullmatch(part)))
