"""The retrieval probe: key-value documents as tokens, with the gold value's place in each.

options = RetrievalOptions(n=2, n_shots=0, key_length=8, limit=128)
probe = retrieval_probe(model, sentences, options)
probe[0].rendered.ids[probe[0].value.start]
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.data import (
    Document,
    TooShortError,
    fill_document,
    plain_sentences,
)
from workbench.errors import InputError
from workbench.models import Model, Rendered, UnrenderableError, render
from workbench.options import RetrievalOptions
from workbench.types import Message, Sample

MOST_TOKENS = 4096
VALUE_TOKENS = (5, 30)


@dataclass(frozen=True)
class RetrievalSample:
    """A document as tokens; `value` are the positions of the gold value inside the JSON object."""

    sample: Sample
    rendered: Rendered
    value: range


def retrieval_probe(
    model: Model, texts: Iterable[str], options: RetrievalOptions
) -> list[RetrievalSample]:
    """Draw the samples (arXiv 2505.07293, section 3; docs/methods.md, Retrieval heads).

    Three solved questions, random 32-character keys, values from the sentences of `texts` that
    have 5 to 30 tokens. Ours: filled up to the limit, the number of pairs follows. Raises
    InputError for a context too short, too few sentences, or a tokenizer that loses a key.
    """
    limit = sample_limit(model, options)
    sentences = _values(model, texts, options.n_shots + 1)

    def n_tokens(document: Document) -> int:
        return len(_rendered(model, document, "").ids)

    probe = []
    for number in range(options.n):
        rng = random.Random(f"retrieval {options.seed} {number}")
        try:
            document = fill_document(
                rng,
                sentences,
                limit=limit,
                n_tokens=n_tokens,
                n_shots=options.n_shots,
                key_length=options.key_length,
            )
        except TooShortError as err:
            raise _too_short(model, limit, options.n_shots, err.needed) from err
        probe.append(_located(model, document, f"retrieval-{options.seed}-{number}", number))
    return probe


def sample_limit(model: Model, options: RetrievalOptions) -> int:
    """Tokens that a sample may have: the context, `limit` or 4,096."""
    return min(model.n_ctx, MOST_TOKENS, options.limit or MOST_TOKENS)


def _values(model: Model, texts: Iterable[str], needed: int) -> list[str]:
    """The sentences of 5 to 30 tokens; InputError if there are too few for one sample."""
    fewest, most = VALUE_TOKENS
    kept = [
        sentence
        for sentence in plain_sentences(texts)
        if fewest <= len(model.tokenizer(sentence, add_special_tokens=False)["input_ids"]) <= most
    ]
    if len(kept) < needed:
        raise InputError(
            f"{len(kept)} sentences of {fewest} to {most} tokens can be values",
            expected=f"at least {needed}",
            do="pass other text with --data, or use a model whose tokenizer is not by the byte",
        )
    return kept


def _too_short(model: Model, limit: int, n_shots: int, needed: int) -> InputError:
    what = "the context" if limit == model.n_ctx else "the limit"
    return InputError(
        f"{what} of {limit} tokens is too short for one {n_shots}-shot retrieval sample "
        f"of {model.info.id}",
        expected=f"at least {needed} tokens",
        do="use a model with a longer context" if limit == model.n_ctx else "pass a larger --limit",
    )


def _located(model: Model, document: Document, row_id: str, number: int) -> RetrievalSample:
    """The document as tokens; InputError if key or value do not survive the tokenizer."""
    rendered = _rendered(model, document, row_id)
    for what, span, text in (
        ("key", document.key_span, document.key),
        ("value", document.value_span, document.completion),
    ):
        places = token_span(rendered, span)
        ids = [rendered.ids[i] for i in places]
        read = model.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if text not in read:
            raise InputError(
                f"the tokenizer of {model.info.id} does not give the {what} '{text}' back, "
                f"it reads '{read}'",
                expected="a tokenizer that keeps every letter and digit",
                do="use another method or model: retrieval cannot be asked of this one",
            )
    sample = _sample(document, row_id, number)
    return RetrievalSample(sample, rendered, token_span(rendered, document.value_span))


def token_span(rendered: Rendered, span: tuple[int, int]) -> range:
    """Positions of the tokens that hold any of the prompt's characters in `span`."""
    chars, start, end = rendered.char_spans(), *span
    inside = rendered.counted("prompt") & (chars[:, 0] < end) & (chars[:, 1] > start)
    places = np.flatnonzero(inside)
    return range(int(places[0]), int(places[-1]) + 1) if len(places) else range(0)


def _rendered(model: Model, document: Document, row_id: str) -> Rendered:
    try:
        return render(_sample(document, row_id, 0), model.tokenizer)
    except UnrenderableError as err:
        raise InputError(
            f"{model.info.id} cannot render a retrieval sample ({err})",
            expected="a chat template that keeps the text of a turn",
        ) from err


def _sample(document: Document, row_id: str, number: int) -> Sample:
    row: dict[str, Any] = {
        "id": row_id,
        "prompt": document.prompt,
        "completion": document.completion,
        "n_pairs": document.n_pairs,
    }
    messages = (Message("user", document.prompt), Message("assistant", document.completion))
    return Sample(row_id, number, "retrieval", "prompt-completion", messages, row=row)


def probe_facts(probe: list[RetrievalSample], options: RetrievalOptions) -> dict[str, Any]:
    """What `heads.json` says of the probe."""
    lengths = [len(sample.rendered.ids) for sample in probe]
    return {
        "strategy": "retrieval",
        "n": len(probe),
        "n_shots": options.n_shots,
        "key_length": options.key_length,
        "limit": options.limit,
        "seed": options.seed,
        "counted": "decoded" if options.decode else "teacher-forced",
        "mean_pairs": float(np.mean([sample.sample.row["n_pairs"] for sample in probe])),
        "mean_tokens": float(np.mean(lengths)),
    }
