"""Key-value retrieval documents: the synthetic task that reveals copying heads.

AttentionInfluence (arXiv 2505.07293) finds retrieval heads on an instruction, a JSON object of
random keys and natural sentences, three solved questions and one open one.

    document = make_document(random.Random(0), sentences, n_pairs=6, n_shots=3)
"""

from __future__ import annotations

import json
import random
import string
from dataclasses import dataclass

INSTRUCTION = "Extract the value that belongs to the given key in the JSON object below."
ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Document:
    """A retrieval problem: `prompt` ends with the open question, `completion` is the gold value."""

    prompt: str
    completion: str
    key: str


def make_document(
    rng: random.Random,
    sentences: list[str],
    *,
    n_pairs: int,
    n_shots: int = 3,
    key_length: int = 32,
) -> Document:
    """Draw one document of `n_pairs` distinct pairs; `n_shots` questions are answered in it."""
    if not 0 <= n_shots < n_pairs:
        raise ValueError(f"n_shots is {n_shots}, expected 0 to n_pairs - 1 ({n_pairs - 1})")
    keys = ["".join(rng.choices(ALPHABET, k=key_length)) for _ in range(n_pairs)]
    pairs = dict(zip(keys, rng.sample(sentences, n_pairs), strict=True))
    *shots, asked = rng.sample(keys, n_shots + 1)
    solved = [f"Key: {key}\nValue: {pairs[key]}\n" for key in shots]
    body = json.dumps(pairs, indent=0, ensure_ascii=False)
    prompt = f"{INSTRUCTION}\n{body}\n{''.join(solved)}Key: {asked}\nValue:"
    return Document(prompt=prompt, completion=pairs[asked], key=asked)
