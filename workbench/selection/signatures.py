"""A text as a MinHash signature: two texts are as alike as the places of it agree.

    sign = signer()
    one, other = sign("a text"), sign("another text")
    likeness(one, np.stack([one, other]))

What is estimated is the Jaccard index of the texts' shingles, runs of five words, as Lee et al.
(arXiv 2107.06499) take them; its error is that of a share of 256 (docs/methods.md, Selection).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, UInt32

from workbench.types import Sample

N_PLACES, N_WORDS = 256, 5
MOST_AT_ONCE = 10_000
Signature = UInt32[np.ndarray, " place"]
# Scripts without spaces between words: each sign is a word. So is everything that is no letter.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")


def said_in(sample: Sample) -> str:
    """The text of a row without its system prompt, which many rows may share."""
    turns = [message.content for message in sample.messages if message.role != "system"]
    return "\n".join(turns) if sample.text is None else sample.text


def shingles(text: str) -> set[bytes]:
    """Every run of five words, in small letters; of a shorter text all its words."""
    words = WORD.findall(text.casefold())
    starts = range(max(1, len(words) - N_WORDS + 1))
    return {" ".join(words[i : i + N_WORDS]).encode("utf-8", "surrogatepass") for i in starts}


def signer() -> Callable[[str], Signature]:
    """What makes a signature of a text: the least hashed shingle under 256 fixed permutations."""
    from datasketch import MinHash

    nothing = MinHash(N_PLACES, seed=1, scheme="affine32")

    def sign(text: str) -> Signature:
        found, whole = nothing.copy(), list(shingles(text))
        for start in range(0, len(whole), MOST_AT_ONCE):
            found.update_batch(whole[start : start + MOST_AT_ONCE])
        return found.digest()

    return sign


def likeness(
    signature: Signature, others: UInt32[np.ndarray, "row place"]
) -> Float64[np.ndarray, " row"]:
    """The estimated Jaccard index of one text with each of some others."""
    return (others == signature).mean(axis=1)


def standard_error(likeness: float) -> float:
    """Of the estimate for two texts that are so alike."""
    return math.sqrt(likeness * (1 - likeness) / N_PLACES)
