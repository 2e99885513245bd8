"""LoRA: small matrices beside all linear layers are trained, then merged into the weights.

adapted = with_lora(network, options)
plain = merged(adapted)
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from workbench.options import TuneOptions


def with_lora(model: Any, options: TuneOptions) -> Any:
    """`model` with frozen weights and adapters, drawn from the seed, that change nothing yet.

    All linear layers but the unembedding get one: rank `lora_rank`, scale `lora_alpha / lora_rank`.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
    )
    torch.manual_seed(options.seed)
    with warnings.catch_warnings():
        # Layers that hold their weights the other way round (GPT-2) are told of, and handled.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set to")
        # peft 0.21 asks for a property under the name that transformers 5.23 calls deprecated.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        return get_peft_model(model, config)


def merged(model: Any) -> Any:
    """The plain model with the adapter added to its weights, as if it had never been there."""
    return model.merge_and_unload()
