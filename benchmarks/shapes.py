"""The models that are measured: the bundled one, and random ones of fixed shapes.

    folder = middle(settings)   # 12 layers x 12 heads, d_model 768
    folder = small(settings)    # the shape of SmolLM2-135M, 30 layers x 9 heads
    folder = large(settings)    # the shape of Qwen2.5-Math-1.5B, in bfloat16

A shape is written once to the work folder, with the bundled model's tokenizer; its weights are
random, which costs as much as trained ones.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import Settings
from workbench.data import read_samples
from workbench.models import Model, Rendered, find_model, load_model, render
from workbench.types import Sample

BUNDLED = "math-tiny"
MIDDLE = {
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 12,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 4096,
}
SMALL = {
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "max_position_embeddings": 16384,
    "tie_word_embeddings": True,
}
LARGE = {
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "vocab_size": 151936,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
# As deep and with as many heads as it takes for the code to have something to do.
TINY = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2} | {
    "hidden_size": 64,
    "intermediate_size": 128,
}


def middle(settings: Settings) -> Path:
    """A random Qwen2 of 12 layers x 12 heads with d_model 768, float32; the bundled vocabulary."""
    config = json.loads((find_model(BUNDLED)[0] / "config.json").read_text(encoding="utf-8"))
    sizes = {**MIDDLE, "vocab_size": config["vocab_size"]}
    return _folder(settings, "middle", sizes, "float32")


def small(settings: Settings) -> Path:
    """A random Qwen2 of the shape of SmolLM2-135M, float32: 0.5 GB on disk."""
    return _folder(settings, "small", SMALL, "float32")


def large(settings: Settings) -> Path:
    """A random Qwen2 of exactly the shape of Qwen2.5-Math-1.5B, bfloat16: 3.1 GB on disk."""
    return _folder(settings, "large", LARGE, "bfloat16")


def _folder(settings: Settings, name: str, sizes: dict[str, Any], dtype: str) -> Path:
    if settings.quick:
        name, sizes = f"{name}-quick", {**sizes, **TINY}
    folder = settings.work / name
    if not (folder / "tokenizer.json").is_file():
        _write(folder, sizes, dtype)
    return folder


def _write(folder: Path, sizes: dict[str, Any], dtype: str) -> None:
    from transformers import AutoModelForCausalLM, Qwen2Config

    torch.manual_seed(0)
    config = Qwen2Config(**sizes, bos_token_id=None, eos_token_id=3, pad_token_id=0)
    network = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    network.save_pretrained(folder)
    for name in ("tokenizer_config.json", "chat_template.jinja", "tokenizer.json"):
        shutil.copyfile(find_model(BUNDLED)[0] / name, folder / name)


def loaded(folder: Path | str, *, dtype: str = "float32", device: str = "cpu") -> Model:
    return load_model(str(folder), dtype=dtype, device=device)


def gsm8k(model: Model, n: int) -> list[Rendered]:
    """The first `n` bundled GSM8K problems that fit the model."""
    rows: list[Rendered] = []
    for sample in read_samples(["gsm8k"]):
        if isinstance(sample, Sample) and len(rows) < n:
            rendered = render(sample, model.tokenizer)
            if len(rendered.ids) <= model.n_ctx:
                rows.append(rendered)
    return rows


def equal_lengths(rows: list[Rendered], n_pos: int) -> list[Rendered]:
    """The first `n_pos` tokens of every row that has as many, all of them as plain text."""
    return [
        Rendered(row.ids[:n_pos], row.parts[:n_pos], is_text=True)
        for row in rows
        if len(row.ids) >= n_pos
    ]


def random_ids(n_rows: int, n_pos: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(4, 1000, (n_rows, n_pos), generator=generator)
