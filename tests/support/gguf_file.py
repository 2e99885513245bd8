"""A tiny Llama as a GGUF file, written with the `gguf` package as llama.cpp's converter would.

path = write_gguf(folder, Path("tiny.gguf"), kind=GGMLQuantizationType.Q8_0)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH, GGMLQuantizationType, GGUFWriter, TokenType, get_tensor_name_map
from gguf.quants import quantize
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoTokenizer


def write_gguf(folder: Path, path: Path, *, kind: GGMLQuantizationType) -> Path:
    """The Llama checkpoint in `folder` as one file, its matrices packed as `kind`."""
    config, tokenizer = AutoConfig.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer, tokenizer)
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in load_file(folder / "model.safetensors").items():
        own = names.get_name(name, try_suffixes=(".weight",))
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            n_heads = config.num_attention_heads
            is_key = name.endswith("k_proj.weight")
            weight = _paired(weight, config.num_key_value_heads if is_key else n_heads)
        _add_weight(writer, f"{own}", weight, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: GGUFWriter, tokenizer: Any) -> None:
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    special = set(tokenizer.all_special_tokens)
    kinds = [TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    # The merges follow from these, and a vocabulary of bytes has none.
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)


def _add_weight(
    writer: GGUFWriter, name: str, weight: np.ndarray, kind: GGMLQuantizationType
) -> None:
    # Blocks are 32 values of a row.
    if weight.ndim == 2 and weight.shape[1] % 32 == 0:
        writer.add_tensor(name, quantize(weight, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, weight)


def _paired(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Rows of a head in llama.cpp's order, whose rotation turns neighbours and not halves."""
    rows = weight.reshape(n_heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(weight.shape))
