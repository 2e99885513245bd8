"""A model whose weights are set by hand so that two heads do the whole task, each one half of it.

A prompt is eight digits; its answer is the third and the sixth of them. Head 0.2 copies the third
where the first digit of the answer is due, head 1.5 the sixth where the second is. Everywhere else
they look at everything alike; the other fourteen heads are weak noise.

    folder = write_pair(tmp_path)
    rows = pair_rows(40)
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.support.checkpoints import VOCAB, byte_tokenizer

FIRST, SECOND = (0, 2), (1, 5)
DIGITS, N_DIGITS, PLACES = "123456", 8, (2, 5)
N_POS, WIDTH, N_HEADS = 32, 48, 8
D_HEAD = WIDTH // N_HEADS
# Channels: which digit a token is, which digit is to come, where the token stands, whether to end.
TOKEN, NEXT, PLACE, END = 0, 6, 12, 47


def pair_rows(n: int, *, seed: int = 0) -> list[dict[str, str]]:
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        digits = "".join(rng.choices(DIGITS, k=N_DIGITS))
        answer = "".join(digits[place] for place in PLACES)
        rows.append({"id": f"pair-{i}", "problem": digits, "solution": answer, "answer": answer})
    return rows


def write_pair(folder: Path) -> Path:
    """The model and its tokenizer, as `save_pretrained` writes them."""
    config = GPT2Config(
        vocab_size=VOCAB,
        n_embd=WIDTH,
        n_layer=2,
        n_head=N_HEADS,
        n_positions=N_POS,
        bos_token_id=1,
        eos_token_id=1,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model, tokenizer = GPT2LMHeadModel(config), byte_tokenizer(chat=False)
    ids = [tokenizer(digit)["input_ids"][0] for digit in DIGITS]
    with torch.no_grad():
        _set_embeddings(model, ids)
        for layer, block in enumerate(model.transformer.h):
            block.mlp.c_proj.weight.zero_()
            block.mlp.c_proj.bias.zero_()
            _set_noise(block.attn)
            head, query = ((FIRST[1], N_DIGITS), (SECOND[1], N_DIGITS + 1))[layer]
            _set_copier(block.attn, head, query=query, key=PLACES[layer], gain=(3.0, 10.0)[layer])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _set_embeddings(model: GPT2LMHeadModel, ids: list[int]) -> None:
    for weight in (model.transformer.wte.weight, model.transformer.wpe.weight):
        weight.zero_()
    model.lm_head.weight.zero_()
    for digit, token in enumerate(ids):
        model.transformer.wte.weight[token, TOKEN + digit] = 1
        model.lm_head.weight[token, NEXT + digit] = 3
    for place in range(N_POS):
        model.transformer.wpe.weight[place, PLACE + place] = 1
    model.transformer.wpe.weight[N_DIGITS + 2 :, END] = 5
    model.lm_head.weight[1, END] = 10


def _set_noise(attention: torch.nn.Module) -> None:
    attention.c_attn.weight[:, : 2 * WIDTH].normal_(0, 0.3)
    attention.c_attn.weight[:, 2 * WIDTH :].normal_(0, 0.05)
    attention.c_proj.weight.normal_(0, 0.05)
    attention.c_attn.bias.zero_()
    attention.c_proj.bias.zero_()


def _set_copier(
    attention: torch.nn.Module, head: int, *, query: int, key: int, gain: float
) -> None:
    """The head looks from position `query` to `key` and says that digit comes next."""
    own = slice(head * D_HEAD, (head + 1) * D_HEAD)
    for part in range(3):
        attention.c_attn.weight[:, part * WIDTH + own.start : part * WIDTH + own.stop] = 0
    attention.c_proj.weight[own] = 0
    attention.c_attn.weight[PLACE + query, own.start] = 2
    attention.c_attn.weight[PLACE + key, WIDTH + own.start] = 4
    for digit in range(len(DIGITS)):
        attention.c_attn.weight[TOKEN + digit, 2 * WIDTH + own.start + digit] = 1
        attention.c_proj.weight[own.start + digit, NEXT + digit] = gain
