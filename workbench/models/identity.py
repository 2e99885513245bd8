"""Is this the model the heads were found on?

check_same_model(heads.model, model.info)
"""

from __future__ import annotations

from typing import Any

from workbench.config import digest
from workbench.errors import InputError
from workbench.types import ModelInfo

# What a configuration says that no forward pass reads: bookkeeping, training, and token ids.
NOT_COMPUTED = frozenset(
    "_name_or_path architectures attn_implementation auto_map bos_token_id eos_token_id "
    "pad_token_id chunk_size_feed_forward dtype torch_dtype id2label label2id initializer_range "
    "output_attentions output_hidden_states pretraining_tp problem_type quantization_config "
    "return_dict transformers_version use_cache".split()
)


def configuration_digest(config: Any) -> str:
    """sha256 of what a Hugging Face configuration says of the computation: window, rotary base ...

    Of the language model's part, without what is off or not set: a later `transformers` that knows
    one more option then leaves the digest as it is.
    """
    stated = config.get_text_config().to_diff_dict()
    return digest(
        {
            key: value
            for key, value in stated.items()
            if key not in NOT_COMPUTED and value is not None and value is not False
        }
    )


def check_same_model(found: ModelInfo, model: ModelInfo) -> None:
    """Raise InputError for heads that were `found` on a model that computes something else.

    Heads without a hash (published by other projects, or by earlier versions) are checked by what
    they have, by shape alone if need be.
    """
    do = "pass the model they were found on, or find heads on this one"
    if (found.n_layers, found.n_heads) != (model.n_layers, model.n_heads):
        raise InputError(
            f"the heads were found on '{found.id}' with "
            f"{found.n_layers} layers x {found.n_heads} heads",
            expected=f"the model '{model.id}' with {model.n_layers} layers x {model.n_heads} heads",
            do=do,
        )
    for what, of_found, of_model in (
        ("weights", found.weights_sha256, model.weights_sha256),
        ("configuration", found.config_sha256, model.config_sha256),
    ):
        if of_found and of_model and of_found != of_model:
            raise InputError(
                f"the heads were found on '{found.id}' with {what} {of_found[:12]}",
                expected=f"{what} {of_model[:12]} of '{model.id}'",
                do=do,
            )
