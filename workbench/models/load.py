"""Load a causal language model by bundled name, folder, GGUF file or hub id, and check it.

    model = load_model("math-tiny")
    model = load_model("math-tiny", dtype="bfloat16", device="cpu")

Weights are read from safetensors or GGUF, repository code is not run unless asked for, and numbers
are plain Hugging Face numerics (TransformerLens' weight processing stays off).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelRefusedError, first_line
from workbench.models.adapter import base_facts
from workbench.models.configuration import layer_windows, logit_cap, logit_scale
from workbench.models.find import GGUF, NAMES, find_model
from workbench.models.fingerprint import weights_digest
from workbench.models.identity import configuration_digest
from workbench.models.lengths import forget_lengths, length_rule
from workbench.models.model import Model
from workbench.models.placement import Placement, resolve_placement
from workbench.models.reading import quiet, read_config, read_weights
from workbench.models.selfcheck import check_wrapped, plain_pass, self_check
from workbench.models.shared import shared_network
from workbench.models.tokenizer import fitting_tokenizer, read_tokenizer, tokenizer_facts
from workbench.types import ModelInfo

# Where bridges of GPT-2, GPT-NeoX and Phi-3 keep the pattern of their last pass.
PATTERN = "_pattern"


def load_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    template: str = "auto",
    device_map: str | Mapping[str, str | int] | None = None,
    quantize: str | None = None,
    trust_remote_code: bool = False,
    check: bool = True,
) -> Model:
    """Load model `name` (as `find_model` knows it) and self-check it.

    `template` says how rows are rendered (`workbench.models.tokenizer`), `device_map` spreads the
    weights over several devices, `quantize` ("8bit", "4bit") packs them. Raises InputError for an
    unknown name or option, and ModelRefusedError with the reason for a model whose attention cannot
    be read or edited.
    """
    placement = resolve_placement(
        device=device, dtype=dtype, device_map=device_map, quantize=quantize
    )
    path, revision = find_model(name, code=trust_remote_code)
    config = read_config(name, path, trust_remote_code=trust_remote_code)
    with quiet():
        tokenizer = read_tokenizer(
            name, path, template=template, trust_remote_code=trust_remote_code
        )
        network, unused = read_weights(name, path, placement, trust_remote_code=trust_remote_code)
        tokenizer = fitting_tokenizer(name, tokenizer, n_embedded(network))
        # In half precision two ways to the same logits differ by what rounding makes of them.
        is_exact = check and dtype == "float32" and not placement.placed_while_read
        before = plain_pass(network) if is_exact else None
        hooked, plain = _boot(
            name, path, network, placement, tokenizer, trust_remote_code=trust_remote_code
        )
    text_config = config.get_text_config()
    info = ModelInfo(
        id=name.partition("@")[0] if revision or name in NAMES else own_name(path),
        revision=revision,
        weights_sha256=weights_digest(path),
        n_layers=int(hooked.cfg.n_layers),
        n_heads=int(hooked.cfg.n_heads),
        config_sha256=configuration_digest(config),
    )
    model = Model(
        hooked=hooked,
        tokenizer=tokenizer,
        info=info,
        n_ctx=int(getattr(text_config, "max_position_embeddings", None) or hooked.cfg.n_ctx),
        windows=layer_windows(text_config, info.n_layers),
        logit_cap=logit_cap(text_config, "final_logit_softcapping"),
        logit_scale=logit_scale(text_config),
        facts={
            "architecture": (config.architectures or [config.model_type])[0],
            "device": _devices(hooked, placement),
            "dtype": dtype,
            "quantize": quantize,
            **({"unused_weights": list(unused)} if unused else {}),
            **({"trust_remote_code": True} if trust_remote_code else {}),
            **base_facts(path),
            **tokenizer_facts(tokenizer, path),
        },
        plain=plain,
    )
    model = checked(model) if check else model
    if before is not None:
        check_wrapped(model, before)
    rule = length_rule(model)
    if rule is None:
        return model
    return replace(model, lengths=rule, facts={**model.facts, "lengths": asdict(rule)})


def checked(model: Model) -> Model:
    """The model with its self-check's figures among its facts; ModelRefusedError if it fails."""
    try:
        report = self_check(model)
    except RuntimeError as err:
        raise ModelRefusedError(
            f"the model {model.info.id} fails in its first pass ({first_line(err)})",
            expected="a pass over a few tokens",
            do="try another --dtype, --device or --quantize",
        ) from err
    return replace(model, facts={**model.facts, "self_check": report})


def load_plain(
    name: str, *, dtype: str = "float32", template: str = "auto", trust_remote_code: bool = False
) -> tuple[Any, Any]:
    """The model `name` as `transformers` has it, on the CPU and without hooks, and its tokenizer.

    For training: every weight may change, and attention is the architecture's own default. Raises
    the errors of `load_model`, which also hold for an architecture TransformerLens does not know.
    """
    path, _ = find_model(name, code=trust_remote_code)
    read_config(name, path, trust_remote_code=trust_remote_code)
    placement = resolve_placement(device="cpu", dtype=dtype)
    with quiet():
        tokenizer = read_tokenizer(
            name, path, template=template, trust_remote_code=trust_remote_code
        )
        network, _ = read_weights(
            name, path, placement, attention=None, trust_remote_code=trust_remote_code
        )
        return network, fitting_tokenizer(name, tokenizer, n_embedded(network))


def own_name(path: Path) -> str:
    """What a model is called by where it lies: its folder, or its GGUF file."""
    return path.absolute().name.removesuffix(GGUF)


def n_embedded(network: Any) -> int:
    """How many tokens a network has an embedding for."""
    return int(network.get_input_embeddings().weight.shape[0])


def _boot(
    name: str,
    path: Path,
    network: Any,
    placement: Placement,
    tokenizer: Any,
    *,
    trust_remote_code: bool,
) -> tuple[Any, Any | None]:
    """The network wrapped by TransformerLens, and as it was, both around the same tensors."""
    from transformer_lens.model_bridge import TransformerBridge

    forget_lengths(network)
    plain = None if placement.placed_while_read else shared_network(network)
    try:
        hooked = TransformerBridge.boot_transformers(
            str(path),
            hf_model=network,
            device=placement.device,
            dtype=placement.dtype,
            # TransformerLens changes the tokenizer it is given, so it gets one of its own.
            tokenizer=copy.deepcopy(tokenizer),
            trust_remote_code=trust_remote_code,
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as err:  # an adapter for each architecture, and each raises what it likes
        raise ModelRefusedError(
            f"TransformerLens cannot wrap the model '{name}' ({first_line(err)})",
            expected="an architecture that TransformerBridge supports",
            do="choose another model",
        ) from err
    forget_patterns(hooked)
    hooked.eval()
    return hooked.requires_grad_(False), plain


def forget_patterns(hooked: Any) -> None:
    """Let no layer keep its last pattern: TransformerLens does for some, and reads it nowhere.

    Held from layer to layer that is L times the memory of a pass, and held after it. Doing it twice
    is doing it once.
    """
    for module in hooked.modules():
        if hasattr(module, PATTERN) and _forget not in module._forward_hooks.values():
            module.register_forward_hook(_forget)


def _forget(module: Any, _args: Any, _output: Any) -> None:
    setattr(module, PATTERN, None)


def _devices(hooked: Any, placement: Placement) -> str:
    """The device in use, or several with commas."""
    if placement.device is not None:
        return str(placement.device)
    mapped = getattr(hooked.original_model, "hf_device_map", None) or {}
    places = {str(place) for place in mapped.values()}
    return ", ".join(sorted(places)) or str(next(hooked.parameters()).device)
