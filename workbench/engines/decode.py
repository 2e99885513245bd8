"""Decoding in batches with a key-value cache, greedy or sampled, each row under edits of its own.

Prompts of different lengths share a batch without padding: every row starts at position 0, the
shared length is read in one pass, and a row whose prompt goes on is fed its own next token while
shorter rows already decode. All rows thus have the same number of keys, so there is no mask, no
position to shift, and a uniform head is uniform over exactly the keys seen so far. Where the angles
of a model go by the length of a text, the text is read again when they change.

    new = decode(engine, [prompt_ids], max_new_tokens=20)
    decoded_text(engine.model, new[0])
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from workbench.engines.base import Decoder
from workbench.errors import InputError
from workbench.models import RowEdits, fill_template
from workbench.types import Progress, no_progress

# Cached tokens held at once: a step costs much the same for few rows as for many.
BATCH_TOKENS = 2**14
# Finished rows leave together: leaving copies the cache, staying costs a share of every step.
LEAVE_SHARE = 0.1


def decode(
    engine: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    stop_ids: Sequence[int] | None = None,
    batch_tokens: int = BATCH_TOKENS,
    edits: RowEdits | None = None,
    on_progress: Progress = no_progress,
) -> list[list[int]]:
    """New token ids of each prompt, in input order; a row that stopped ends with its stop id.

    Greedy at temperature 0, else drawn from `softmax(logits / temperature)`. A row ends at a stop
    id (default `default_stop_ids`), after `max_new_tokens`, or where the context is full. A row's
    draws depend on `seed`, its own prompt, and how many equal prompts came before it: never on the
    batch, so repeating a prompt samples anew and adding other prompts changes nothing. `edits` have
    a row for each prompt. Raises InputError for an empty prompt or one that fills the context.
    """
    _check(engine.model, prompts, max_new_tokens, temperature)
    stops = frozenset(default_stop_ids(engine.model) if stop_ids is None else stop_ids)
    uniforms = _row_uniforms(prompts, max_new_tokens, seed) if temperature > 0 else None
    decoded: list[list[int]] = [[] for _ in prompts]
    n_done = 0
    lengths = [len(p) for p in prompts]
    for batch in decode_batches(lengths, max_new_tokens, batch_tokens=batch_tokens):
        rows = _Rows(
            engine,
            [list(prompts[i]) for i in batch],
            n_new=max_new_tokens,
            stops=stops,
            temperature=temperature,
            uniforms=None if uniforms is None else uniforms[batch],
            edits=edits and BatchEdits(edits, batch),
        )
        for index, new in zip(batch, rows.run(), strict=True):
            decoded[index] = new
        n_done += len(batch)
        on_progress(n_done, len(prompts), f"decoded {len(batch)} prompts")
    return decoded


def decoded_text(model: Any, ids: Sequence[int]) -> str:
    """The text of decoded ids, special tokens (the stop id among them) left out."""
    return model.tokenizer.decode(list(ids), skip_special_tokens=True)


def default_stop_ids(model: Any) -> tuple[int, ...]:
    """The tokenizer's and the checkpoint's end of text, and what the template ends a turn with."""
    tokenizer, wrapped = model.tokenizer, model.wrapped
    of_checkpoint = getattr(getattr(wrapped, "generation_config", None), "eos_token_id", None)
    found = set(of_checkpoint if isinstance(of_checkpoint, list) else [of_checkpoint])
    if tokenizer is not None:
        found |= {tokenizer.eos_token_id, _template_end(tokenizer)}
    return tuple(sorted(int(i) for i in found if i is not None))


def _template_end(tokenizer: Any) -> int | None:
    """The first special token that the chat template writes after an assistant's turn."""
    if not tokenizer.chat_template:
        return None
    mark = "\ue000"
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": mark}]
    try:
        text = fill_template(tokenizer, turns)
    except Exception:  # templates raise what they like; without one only the end of text stops
        return None
    ids = tokenizer(text.rpartition(mark)[2], add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    return next((i for i in ids if i in special), None)


class BatchEdits:
    """The edits of one batch, narrowed as its rows end; `batch` are the prompts of its rows."""

    def __init__(self, edits: RowEdits, batch: Sequence[int]) -> None:
        self.edits, self.batch = edits, list(batch)

    def follow(self, rows: Sequence[int], first: int) -> None:
        """The coming pass has these rows of the batch, and begins at position `first`."""
        self.edits.keep([self.batch[row] for row in rows])
        self.edits.first = first


class _Rows:
    """One batch while it decodes: the rows still going share a position and a cache."""

    def __init__(
        self,
        engine: Decoder,
        prompts: list[list[int]],
        *,
        n_new: int,
        stops: frozenset[int],
        temperature: float,
        uniforms: Float64[np.ndarray, "row new"] | None,
        edits: BatchEdits | None,
    ) -> None:
        self.engine, self.stops, self.edits = engine, stops, edits
        self.temperature, self.uniforms = temperature, uniforms
        self.texts = [list(p) for p in prompts]
        self.n_prompt = [len(p) for p in prompts]
        self.limit = [min(n + n_new, engine.model.n_ctx) for n in self.n_prompt]
        self.there = list(range(len(prompts)))
        self.done: set[int] = set()
        self.cache = engine.new_cache()

    def run(self) -> list[list[int]]:
        """Decode to the end; returns the new ids of each row."""
        n_read, first = min(self.n_prompt), 0
        ids = [text[:n_read] for text in self.texts]
        with self.engine.editing(self.edits.edits if self.edits else None):
            while True:
                logits = self._step(ids, first)
                self._extend(logits, n_read)
                if len(self.done) == len(self.texts):
                    break
                self._drop_finished()
                n_read += 1
                if self._other_angles(n_read):
                    self.cache = self.engine.new_cache()
                    first = 0
                else:
                    first = 0 if self.cache is None else n_read - 1
                # What a finished row reads while it is still there, nobody looks at.
                ids = [self.texts[row][first:n_read] or self.texts[row][-1:] for row in self.there]
        return [text[n:] for text, n in zip(self.texts, self.n_prompt, strict=True)]

    def _step(self, ids: list[list[int]], first: int) -> Float[Tensor, "row vocab"]:
        if self.edits:
            self.edits.follow(self.there, first)
        return self.engine.next_logits(
            torch.tensor(ids, device=self.engine.model.device), self.cache
        )

    def _other_angles(self, n_read: int) -> bool:
        """Whether keys in the cache would be others in a text that is now one token longer."""
        group = getattr(self.engine.model, "length_group", None)
        return group is not None and group(n_read) != group(n_read - 1)

    def _extend(self, logits: Float[Tensor, "row vocab"], n_read: int) -> None:
        """The next token of each unfinished row whose prompt has been read."""
        chosen = self._choose(logits).tolist()
        for row, token in zip(self.there, chosen, strict=True):
            text = self.texts[row]
            if len(text) == n_read and row not in self.done:
                text.append(int(token))
                if token in self.stops or len(text) == self.limit[row]:
                    self.done.add(row)

    def _choose(self, logits: Float[Tensor, "row vocab"]) -> Int[Tensor, " row"]:
        if self.uniforms is None:
            return logits.argmax(dim=-1)
        last = self.uniforms.shape[1] - 1
        n_drawn = [min(len(self.texts[row]) - self.n_prompt[row], last) for row in self.there]
        drawn = torch.from_numpy(self.uniforms[self.there, n_drawn])
        return draw_tokens(logits / self.temperature, drawn)

    def _drop_finished(self) -> None:
        keep = [i for i, row in enumerate(self.there) if row not in self.done]
        share = 0 if self.cache is None else LEAVE_SHARE
        if len(self.there) - len(keep) < max(1, share * len(self.there)):
            return
        self.there = [self.there[i] for i in keep]
        if self.cache is not None:
            # On the CPU: it indexes the keys of every layer, which may be on several devices.
            self.cache.batch_select_indices(torch.tensor(keep))


def draw_tokens(
    logits: Float[Tensor, "row vocab"], uniforms: Float64[Tensor, " row"]
) -> Int[Tensor, " row"]:
    """One token a row by inverting its cumulative distribution at a uniform number in [0, 1)."""
    # Apple's devices know no float64.
    precise = logits.cpu() if logits.device.type == "mps" else logits
    chances = precise.double().softmax(dim=-1).cumsum(dim=-1)
    levels = uniforms.to(chances.device) * chances[:, -1]
    places = torch.searchsorted(chances, levels[:, None], right=True)[:, 0]
    return places.clamp(max=logits.shape[-1] - 1)


def _row_uniforms(
    prompts: Sequence[Sequence[int]], n_new: int, seed: int
) -> Float64[np.ndarray, "row new"]:
    """Uniform numbers of each row, from its prompt and its place among equal prompts."""
    seen: Counter[tuple[int, ...]] = Counter()
    rows = np.empty((len(prompts), n_new))
    for row, prompt in enumerate(prompts):
        key = tuple(int(i) for i in prompt)
        text = f"{seed}/{seen[key]}/{','.join(map(str, key))}"
        words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint32)
        rows[row] = np.random.default_rng(words).random(n_new)
        seen[key] += 1
    return rows


def decode_batches(
    lengths: Sequence[int], n_new: int, *, batch_tokens: int = BATCH_TOKENS
) -> list[list[int]]:
    """Prompts of similar length together, rows * final length <= `batch_tokens`.

    The prompts of one batch, decoded alone, are one batch again.

    Within a batch the lengths differ by `n_new` at most: what the shortest row would wait for the
    longest one's prompt to be read token by token, a batch of its own does in the same steps.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        full = batches and (len(batches[-1]) + 1) * (lengths[index] + n_new) > batch_tokens
        if not batches or full or lengths[index] - lengths[batches[-1][0]] > n_new:
            batches.append([])
        batches[-1].append(index)
    return batches


def _check(
    model: Any, prompts: Sequence[Sequence[int]], max_new_tokens: int, temperature: float
) -> None:
    if max_new_tokens < 1 or temperature < 0:
        raise InputError(
            f"decoding {max_new_tokens} tokens at temperature {temperature:g}",
            expected="at least 1 token and a temperature of 0 (greedy) or more",
        )
    for row, prompt in enumerate(prompts):
        if not 0 < len(prompt) < model.n_ctx:
            raise InputError(
                f"prompt {row} has {len(prompt)} tokens",
                expected=f"1 to {model.n_ctx - 1} for the model {model.info.id}",
                do="leave such prompts out",
            )
