"""What transformers reads from a model's folder: configuration and weights, every failure in words.

config = read_config("math-tiny", folder)
weights = read_weights("math-tiny", folder, resolve_placement(device="cpu"))
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from workbench.errors import InputError, first_line
from workbench.models.hub import refuse_other_kinds
from workbench.models.placement import Placement


def read_config(name: str, folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The configuration of a causal language model whose folder also holds safetensors."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as err:
        raise InputError(
            f"the configuration of model '{name}' cannot be read",
            expected="an architecture that transformers knows",
            do=f"upgrade transformers or choose another model ({first_line(err)})",
        ) from err
    custom = hasattr(config, "auto_map")
    refuse_other_kinds(name, config.architectures, custom=custom)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and not custom:
        refuse_other_kinds(name, [config.model_type], custom=False)
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"the model '{name}' has no safetensors weights",
            expected="*.safetensors (other formats can run code when loaded)",
            do="convert it with model.save_pretrained(folder)",
        )
    return config


def read_weights(
    name: str,
    folder: Path,
    placement: Placement,
    *,
    attention: str | None = "eager",
    trust_remote_code: bool = False,
) -> Any:
    """The Hugging Face model, complete and on its devices."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            attn_implementation=attention,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
            **placement.read_options(),
        )
        weights, report = read
        if not placement.placed_while_read:
            weights = weights.to(placement.device)
    except torch.OutOfMemoryError as err:
        raise InputError(
            f"the weights of model '{name}' do not fit into memory",
            do="pass --dtype bfloat16, --device-map auto or --quantize 8bit",
        ) from err
    except (OSError, ValueError, RuntimeError, SafetensorError) as err:
        raise InputError(
            f"the weights of model '{name}' cannot be read",
            expected="complete safetensors files that fit config.json",
            do=f"save or download the model again ({first_line(err)})",
        ) from err
    if report["missing_keys"]:
        raise InputError(
            f"the weights of model '{name}' lack {min(report['missing_keys'])}",
            expected="every weight of its architecture (transformers draws others at random)",
            do="save or download the model again",
        )
    return weights


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Loading libraries print bars and advice on stderr; ours is the only voice there."""
    level = logging.getLogger("transformers").level
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("transformers").setLevel(level)
