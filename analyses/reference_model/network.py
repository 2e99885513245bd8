"""The untrained network: Llama for `math-tiny`, and relatives to try the workbench on.

model = build_model(args, tokenizer)
"""

from __future__ import annotations

import argparse

import torch
from lookback import look_back
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

ARCHITECTURES = ("llama", "qwen3", "gpt2")
N_CTX = 512
# How many tokens back the first heads of layer 0 look at the start of training.
OFFSETS = (1, 1, 1, 5, 1, 2, 7, 5, 2, 3, 8, 5, 3, 7, 8, 0)


def build_model(args: argparse.Namespace, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """Random weights of `args.seed`; with `args.look_back`, heads of layer 0 prefer a place."""
    torch.manual_seed(args.seed)
    ends = {
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "vocab_size": len(tokenizer),
        "tie_word_embeddings": True,
    }
    if args.architecture == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(
                **ends,
                n_embd=args.d_model,
                n_inner=2 * args.d_mlp,
                n_layer=args.layers,
                n_head=args.heads,
                n_positions=N_CTX,
                **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
            )
        )
    config, network = {
        "llama": (LlamaConfig, LlamaForCausalLM),
        "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    }[args.architecture]
    model = network(
        config(
            **ends,
            hidden_size=args.d_model,
            intermediate_size=args.d_mlp,
            num_hidden_layers=args.layers,
            num_attention_heads=args.heads,
            num_key_value_heads=args.kv_heads,
            head_dim=args.head_dim,
            rope_parameters={"rope_type": "default", "rope_theta": args.rope_theta},
            max_position_embeddings=N_CTX,
            attention_bias=args.look_back,
        )
    )
    if args.look_back:
        look_back(model, OFFSETS[: args.heads])
    return model
