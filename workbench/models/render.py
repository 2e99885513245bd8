"""From a sample to tokens, and from each token back to the part of the sample it belongs to.

A conversation goes through the tokenizer's chat template if there is one, else prompt, newline,
completion. The string is tokenised once; parts are read from character offsets, never from
tokenising the parts (docs/methods.md, Ground rules).

    rendered = render(sample, model.tokenizer)
    rendered.counted("completion")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int8, Int64

from workbench.answer_marks import answer_start
from workbench.errors import ModelRefusedError
from workbench.models.inputs import fill_template
from workbench.models.places import Place, places
from workbench.models.thinking import CLOSE
from workbench.types import Message, Sample

TEMPLATE, PROMPT, COMPLETION = 0, 1, 2


class Span(NamedTuple):
    """Where a message stands in the text, and how much of its beginning the template has cut."""

    start: int
    end: int
    part: int
    stripped: int = 0


NOWHERE = Span(0, 0, TEMPLATE)


class UnrenderableError(Exception):
    """A sample that cannot be turned into tokens; the message is the row's reason."""


@dataclass(frozen=True)
class Rendered:
    """Token ids and the part of each: template 0, prompt 1, completion 2.

    Plain text counts as both: its tokens are marked prompt, and `counted("completion")` means all.
    `chars[i]` is where token i starts and ends in the message it belongs to, as the row has it
    (0, 0 for template tokens); None if the tokens were not rendered from a sample. `answer` is the
    position at which the completion's final answer begins; None where it marks none.
    """

    ids: tuple[int, ...]
    parts: Int8[np.ndarray, " pos"]
    is_text: bool
    chars: Int64[np.ndarray, "pos 2"] | None = None
    answer: int | None = None

    @property
    def prompt_length(self) -> int:
        """Tokens up to and with the prompt's last token, leading template tokens included."""
        return int(np.flatnonzero(self.parts == PROMPT)[-1]) + 1

    @property
    def n_leading(self) -> int:
        """Template tokens before the first token of the prompt."""
        return int(np.flatnonzero(self.parts != TEMPLATE)[0])

    def counted(self, part: str) -> Bool[np.ndarray, " pos"]:
        """Which tokens count for `part`; template tokens never do.

        A part is prompt, completion or all, or of the completion the reasoning or the answer. Where
        no answer is marked, as in plain text, all is reasoning.
        """
        if part in ("reasoning", "answer"):
            before = np.arange(len(self.ids)) < self._answer
            return self.counted("completion") & (before if part == "reasoning" else ~before)
        if part == "all" or self.is_text:
            return self.parts != TEMPLATE
        return self.parts == (PROMPT if part == "prompt" else COMPLETION)

    @property
    def _answer(self) -> int:
        return len(self.ids) if self.answer is None else self.answer

    def char_spans(self) -> Int64[np.ndarray, "pos 2"]:
        """`chars`, which only tokens rendered from a sample have."""
        if self.chars is None:
            raise ValueError("these tokens were not rendered from a sample")
        return self.chars

    def window(self, part: str) -> tuple[int, int]:
        """Start and end (exclusive) of the tokens that a score over `part` is taken on."""
        if part in ("reasoning", "answer"):
            start, end = self.window("completion")
            cut = min(max(self._answer, start), end)
            return (start, cut) if part == "reasoning" else (cut, end)
        if part == "prompt" or self.is_text:
            return 0, self.prompt_length
        last = int(np.flatnonzero(self.parts != TEMPLATE)[-1]) + 1
        if part == "all":
            return 0, last
        inside = np.flatnonzero(self.parts == COMPLETION)
        return (int(inside[0]), last) if len(inside) else (last, last)


def render(sample: Sample, tokenizer: Any, *, prompt_only: bool = False) -> Rendered:
    """Tokenise `sample`; `prompt_only` gives what an answer is decoded after.

    That is the row up to where its completion begins: without a template the newline too, with one
    its generation prompt, and never the end token that some tokenizers put behind any text.

    Raises UnrenderableError with the reason when the template refuses or rewrites the text.
    """
    if sample.text is not None:
        text, spans = sample.text, [Span(0, len(sample.text), PROMPT)]
    elif tokenizer.chat_template:
        text, spans = _through_template(sample, tokenizer, prompt_only)
    else:
        text, spans = _plainly(sample, prompt_only)
    is_chat = sample.text is None and bool(tokenizer.chat_template)
    ids, offsets = _tokenise(text, tokenizer, special=not is_chat)
    if prompt_only and ids and ids[-1] == tokenizer.eos_token_id and offsets[-1] == (0, 0):
        ids, offsets = ids[:-1], offsets[:-1]
    parts, chars = _places_of(text, spans, offsets)
    if not (parts == PROMPT).any():
        raise UnrenderableError("the prompt has no tokens")
    answer = None if sample.text is not None else _answer_place(sample.completion, parts, chars)
    return Rendered(tuple(ids), parts, sample.text is not None, chars, answer)


def _answer_place(
    completion: str, parts: Int8[np.ndarray, " pos"], chars: Int64[np.ndarray, "pos 2"]
) -> int | None:
    """The first token of the answer: the first that begins where it does, or later."""
    start = answer_start(completion)
    if start is None:
        return None
    inside = np.flatnonzero((parts == COMPLETION) & (chars[:, 0] >= start))
    return int(inside[0]) if len(inside) else None


def _plainly(sample: Sample, prompt_only: bool) -> tuple[str, list[Span]]:
    if any(message.more for message in sample.messages):
        raise UnrenderableError("a row with tool calls needs a chat template, and there is none")
    prompt = sample.prompt
    if prompt_only and sample.text is None:
        return f"{prompt}\n", [Span(0, len(prompt), PROMPT)]
    if not sample.has_completion:
        return prompt, [Span(0, len(prompt), PROMPT)]
    text = f"{prompt}\n{sample.completion}"
    return text, [Span(0, len(prompt), PROMPT), Span(len(prompt) + 1, len(text), COMPLETION)]


def _through_template(sample: Sample, tokenizer: Any, prompt_only: bool) -> tuple[str, list[Span]]:
    messages = sample.prompt_messages if prompt_only else sample.messages
    with_completion = sample.has_completion and not prompt_only
    contents = [message.content for message in messages]
    tools = {"tools": list(sample.tools)} if sample.tools else {}

    def fill(contents: list[str], *, with_more: bool = True, asked: bool = False) -> str:
        turns = zip(messages, contents, strict=False)
        return fill_template(
            tokenizer,
            [_turn(message, content, with_more) for message, content in turns],
            add_generation_prompt=asked or not with_completion,
            **tools,
        )

    has_calls = any(message.more and "tool_calls" in message.more for message in messages)
    try:
        text = fill(contents)
        found = places(fill, contents, text)
        is_begun = with_completion and CLOSE in contents[-1]
        prompt = fill(contents[:-1], asked=True) if is_begun else ""
    except ModelRefusedError:
        raise
    except Exception as err:  # templates are programs of their own and raise what they like
        raise UnrenderableError(f"the chat template refused the row: {err}") from err
    if has_calls and _filled_without_calls(fill, contents) == text:
        raise UnrenderableError("the chat template has no tool calls, which the row makes")
    found = found or _searched(messages, contents, text)
    if not with_completion:
        return text, [Span(p.start, p.end, PROMPT, p.skipped) for p in found]
    # A tag that the prompt of a generation ends with is no part of what is learned.
    begun = len(commonprefix([prompt, text]))  # noqa: RUF071 (texts, not paths)
    return text, [
        _span(place, begun if place.turn == len(messages) - 1 else None) for place in found
    ]


def _filled_without_calls(fill: Callable[..., str], contents: list[str]) -> str | None:
    """The text as if nothing were called; None where the template then refuses the results."""
    try:
        return fill(contents, with_more=False)
    except ModelRefusedError:
        raise
    except Exception:  # as above
        return None


def _span(place: Place, begun: int | None) -> Span:
    """Of the prompt, or of the completion, which begins at `begun` or later."""
    if begun is None:
        return Span(place.start, place.end, PROMPT, place.skipped)
    start = min(max(place.start, begun), place.end)
    return Span(start, place.end, COMPLETION, place.skipped + start - place.start)


def _turn(message: Message, content: str, with_more: bool) -> dict[str, Any]:
    more = message.more if with_more and message.more else {}
    return {"role": message.role, "content": content, **more}


def _searched(messages: Sequence[Message], contents: list[str], text: str) -> list[Place]:
    """The place of each content in a template whose words depend on the contents."""
    found, cursor = [], 0
    for turn, (message, content) in enumerate(zip(messages, contents, strict=True)):
        said = content if content in text[cursor:] else content.strip()
        start = text.find(said, cursor)
        if start < 0:
            raise UnrenderableError(_rewritten(message))
        cursor = start + len(said)
        found.append(Place(turn, start, cursor, content.find(said)))
    return found


def _rewritten(message: Message) -> str:
    if CLOSE in message.content:
        return (
            "the chat template cuts the think block of the assistant message, so training would "
            "not see it as it stands; pass --template none, or give the model's tokenizer a chat "
            "template for training, which keeps it"
        )
    return f"the chat template rewrote the {message.role} message"


def _tokenise(
    text: str, tokenizer: Any, *, special: bool
) -> tuple[list[int], list[tuple[int, int]]]:
    """Tokens and where they stand; with `special` also those that the tokenizer adds to any text.

    A chat template writes its own: to what it writes `transformers` and TRL add none.
    """
    bos = tokenizer.bos_token
    encoded = tokenizer(
        text,
        return_offsets_mapping=True,
        add_special_tokens=special and not (bos and text.startswith(bos)),
        verbose=False,
    )
    return encoded["input_ids"], encoded["offset_mapping"]


def _places_of(
    text: str, spans: list[Span], offsets: list[tuple[int, int]]
) -> tuple[Int8[np.ndarray, " pos"], Int64[np.ndarray, "pos 2"]]:
    """The span of the first character of each token that lies in any: its part, and where in it."""
    span_of = np.full(len(text) + 1, -1)
    for number, span in enumerate(spans):
        span_of[span.start : span.end] = number
    inside = np.where(span_of >= 0, np.arange(len(span_of)), len(text))
    next_inside = np.minimum.accumulate(inside[::-1])[::-1]
    places = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    first = next_inside[np.minimum(places[:, 0], len(text))]
    of_token = np.where(first < places[:, 1], span_of[first], -1)
    start, end, part, stripped = np.array([*spans, NOWHERE])[of_token].T
    chars = np.clip(places, start[:, None], end[:, None]) + (stripped - start)[:, None]
    return part.astype(np.int8), chars
