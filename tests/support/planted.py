"""A model whose weights are set by hand so that one head copies: what followed this token before?

Two layers of two heads. Head 0.0 looks at the token before, and writes it beside each token. Head
1.1 looks for the place where that note is the present token, and predicts what stands there. Heads
0.1 and 1.0 look at everything alike and write nothing.

folder = write_copier(tmp_path)
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

COPIER = (1, 1)
N_POS, N_WORDS = 64, 60
# What a token is, what the one before it was, and where it stands, each as one of many channels.
WORD, BEFORE, PLACE = 0, N_WORDS, 2 * N_WORDS
WIDTH, D_HEAD = 2 * N_WORDS + N_POS, (2 * N_WORDS + N_POS) // 2
SHARP = 8.0


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word: w0, w1, ..., and one for anything else; spaces are no tokens."""
    vocab = {"<unk>": 0, "<pad>": 1, "<line>": 2} | {f"w{i}": i for i in range(3, N_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), "removed")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")


def write_copier(folder: Path) -> Path:
    """The model and its tokenizer, as `save_pretrained` writes them."""
    config = GPT2Config(
        vocab_size=N_WORDS,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        n_inner=4,
        n_positions=N_POS,
        bos_token_id=None,
        eos_token_id=None,
        layer_norm_epsilon=1e-8,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(
                1.0 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0
            )
        body = model.transformer
        body.wte.weight[:, WORD : WORD + N_WORDS] = torch.eye(N_WORDS)
        body.wpe.weight[:, PLACE : PLACE + N_POS] = torch.eye(N_POS)
        previous, copier = body.h[0].attn, body.h[1].attn
        place, before, word = (torch.arange(n) for n in (N_POS, N_WORDS, N_WORDS))
        # Weights are [in, out]; the outputs are queries, keys and values, each head by head.
        query, key, value = 0, WIDTH, 2 * WIDTH
        previous.c_attn.weight[PLACE + place[1:], query + place[:-1]] = SHARP
        previous.c_attn.weight[PLACE + place, key + place] = SHARP
        previous.c_attn.weight[WORD + word, value + word] = 1.0
        previous.c_proj.weight[word, BEFORE + before] = 1.0
        copier.c_attn.weight[WORD + word, query + D_HEAD + word] = SHARP
        copier.c_attn.weight[BEFORE + before, key + D_HEAD + before] = SHARP
        copier.c_attn.weight[WORD + word, value + D_HEAD + word] = 1.0
        copier.c_proj.weight[D_HEAD + word, WORD + word] = 4.0
    model.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    return folder
