"""Tiny random checkpoints, written by `save_pretrained`, of the architectures that matter.

folder = write_checkpoint("qwen2", tmp_path)
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Cohere2Config,
    CohereConfig,
    DeepseekV3Config,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    GptOssConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    MptConfig,
    Olmo2Config,
    Olmo3Config,
    OlmoConfig,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
    StableLmConfig,
)

VOCAB = 256 + 4
COMMON = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 96,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
GPT_SIZES = {
    "vocab_size": VOCAB,
    "n_embd": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 96,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
CONFIGS = {
    "llama": lambda: LlamaConfig(**COMMON, num_key_value_heads=2),
    "qwen2": lambda: Qwen2Config(**COMMON, num_key_value_heads=2),
    "deep": lambda: LlamaConfig(**{**COMMON, "num_hidden_layers": 12}, num_key_value_heads=2),
    "qwen3": lambda: Qwen3Config(**COMMON, num_key_value_heads=2, head_dim=8),
    "gpt2": lambda: GPT2Config(**GPT_SIZES),
    "mistral": lambda: MistralConfig(**COMMON, num_key_value_heads=2, sliding_window=7),
    "gemma2": lambda: Gemma2Config(
        **COMMON, num_key_value_heads=2, head_dim=8, sliding_window=7, query_pre_attn_scalar=8
    ),
    "neox": lambda: GPTNeoXConfig(**COMMON),
    "gemma3": lambda: Gemma3TextConfig(
        **COMMON,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=7,
        sliding_window_pattern=2,
        query_pre_attn_scalar=8,
    ),
    "olmo2": lambda: Olmo2Config(**COMMON, num_key_value_heads=2),
    "phi3": lambda: Phi3Config(**COMMON, num_key_value_heads=2, sliding_window=None),
    "granite": lambda: GraniteConfig(
        **COMMON,
        num_key_value_heads=2,
        logits_scaling=0.25,
        embedding_multiplier=3.0,
        residual_multiplier=0.5,
        attention_multiplier=0.25,
    ),
    "cohere": lambda: CohereConfig(**COMMON, num_key_value_heads=2, logit_scale=2.0),
    "cohere2": lambda: Cohere2Config(
        **COMMON,
        num_key_value_heads=2,
        logit_scale=0.25,
        sliding_window=7,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    ),
    "gemma": lambda: GemmaConfig(**COMMON, num_key_value_heads=1, head_dim=8),
    "olmo": lambda: OlmoConfig(**COMMON, num_key_value_heads=2, clip_qkv=4.0),
    "olmo3": lambda: Olmo3Config(**COMMON, num_key_value_heads=2, sliding_window=7),
    "phi": lambda: PhiConfig(**COMMON, partial_rotary_factor=0.5),
    "smollm3": lambda: SmolLM3Config(**COMMON, num_key_value_heads=2, no_rope_layers=[1, 1, 0]),
    "stablelm": lambda: StableLmConfig(**COMMON, num_key_value_heads=2),
    "neo": lambda: GPTNeoConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=48,
        num_layers=3,
        num_heads=4,
        attention_types=[[["global", "local"], 1], [["global"], 1]],
        window_size=7,
        max_position_embeddings=96,
        bos_token_id=1,
        eos_token_id=1,
    ),
    "gptoss": lambda: GptOssConfig(
        **COMMON,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=7,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        num_local_experts=4,
        num_experts_per_tok=2,
    ),
    "bloom": lambda: BloomConfig(
        vocab_size=VOCAB, hidden_size=32, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=1
    ),
    "mpt": lambda: MptConfig(vocab_size=VOCAB, d_model=32, n_layers=3, n_heads=4, max_seq_len=96),
    "deepseek3": lambda: DeepseekV3Config(
        **COMMON,
        num_key_value_heads=4,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_rope_head_dim=4,
        qk_nope_head_dim=8,
        v_head_dim=8,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        moe_intermediate_size=16,
        first_k_dense_replace=1,
    ),
    # Other angles beyond 24 tokens: of all longer texts alike, and of every length for itself.
    "longrope": lambda: Phi3Config(
        **COMMON,
        num_key_value_heads=2,
        sliding_window=None,
        original_max_position_embeddings=24,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0, 1.1, 1.2, 1.3],
            "long_factor": [1.5, 2.0, 3.0, 4.0],
        },
    ),
    "dynamic": lambda: LlamaConfig(
        **{**COMMON, "max_position_embeddings": 24},
        num_key_value_heads=2,
        rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    ),
    "gptj": lambda: GPTJConfig(**GPT_SIZES, rotary_dim=4),
    "opt": lambda: OPTConfig(
        **{k: v for k, v in COMMON.items() if k != "intermediate_size"},
        ffn_dim=48,
        word_embed_proj_dim=32,
    ),
}
USABLE = ("llama", "qwen2", "qwen3", "gpt2", "mistral", "gemma2")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer(*, chat: bool = True) -> PreTrainedTokenizerFast:
    """One token a byte: no training, every text representable."""
    specials = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*specials, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>"],
        chat_template=TEMPLATE if chat else None,
    )


def write_checkpoint(name: str, folder: Path, *, chat: bool = True, seed: int = 0) -> Path:
    """A folder as `save_pretrained` writes it; weights large enough that heads matter."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(CONFIGS[name](), attn_implementation="eager")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(6.0)
            elif parameter.ndim == 1 and "bias" not in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    byte_tokenizer(chat=chat).save_pretrained(folder)
    return folder
