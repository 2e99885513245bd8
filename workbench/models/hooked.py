"""A hooked network made elsewhere: any object with TransformerLens' shape becomes a `Model`.

    model = wrap_model(HookedTransformer.from_pretrained("gpt2"))
    model = wrap_model(hooked, checkpoint="models/qwen-math")  # also compares configurations
    model = load_hooked("pythia-70m")                          # transformer_lens 3.x only

The object is asked for what is used (`cfg`, `blocks`, `ln_final`, `unembed`, `hooks`), never for
its class; the self-check decides whether it can be worked on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch

from workbench.errors import InputError, ModelRefusedError, first_line
from workbench.models.configuration import (
    check_configuration,
    hooked_windows,
    layer_windows,
    logit_cap,
    logit_scale,
)
from workbench.models.find import find_model
from workbench.models.fingerprint import weights_digest
from workbench.models.hub import from_hub
from workbench.models.identity import configuration_digest
from workbench.models.load import checked, forget_patterns
from workbench.models.model import Model
from workbench.models.placement import resolve_placement
from workbench.models.reading import quiet, read_config, read_weights
from workbench.models.tokenizer import read_tokenizer, tokenizer_facts, usable_tokenizer
from workbench.types import ModelInfo

NEEDED = ("cfg", "blocks", "unembed", "hooks", "hook_dict")


def wrap_model(
    hooked: Any,
    *,
    tokenizer: Any = None,
    checkpoint: str | None = None,
    template: str = "auto",
    check: bool = True,
) -> Model:
    """A `Model` around a HookedTransformer or TransformerBridge `hooked`, which computes as before.

    `checkpoint` (a name as `load_model` takes it) says where the weights are from: its
    configuration is compared, and its tokenizer is used where none is given. Otherwise the object's
    own tokenizer is read again, because TransformerLens makes it add a BOS; an object without one
    works on token ids. Raises InputError for an object of another shape and ModelRefusedError where
    the configurations differ or the self-check fails.
    """
    if missing := [name for name in NEEDED if not hasattr(hooked, name)]:
        raise InputError(
            f"the object of class {type(hooked).__name__} has no {missing[0]}",
            expected="a HookedTransformer or a TransformerBridge",
        )
    folder, revision = find_model(checkpoint) if checkpoint else (None, None)
    config = None
    if folder is not None:
        config = read_config(str(checkpoint), folder)
        _check_origin(hooked, config)
    name = str(getattr(hooked.cfg, "model_name", None) or "custom")
    # A TransformerBridge made from a folder is called by its whole path.
    name = Path(name).name if Path(name).is_dir() else name
    with quiet():
        tokenizer = _tokenizer(hooked, tokenizer, name, folder, template)
    forget_patterns(hooked)
    model = _model(hooked, tokenizer, name, Origin(folder, revision, config))
    return checked(model) if check else model


class Origin(NamedTuple):
    """Where the weights are from: folder, commit and configuration of a checkpoint, if known."""

    folder: Path | None
    revision: str | None
    config: Any


def _model(hooked: Any, tokenizer: Any, name: str, origin: Origin) -> Model:
    """What the object says of itself; a TransformerBridge leaves that to the network it wraps."""
    cfg, folder = hooked.cfg, origin.folder
    config = _own_config(hooked)
    stated = origin.config or config
    text_config = config.get_text_config() if config else None
    return Model(
        hooked=hooked,
        tokenizer=tokenizer,
        info=ModelInfo(
            id=name,
            revision=origin.revision,
            weights_sha256=weights_digest(folder) if folder else state_digest(hooked.state_dict()),
            n_layers=int(cfg.n_layers),
            n_heads=int(cfg.n_heads),
            config_sha256=configuration_digest(stated) if stated else "",
        ),
        n_ctx=int(cfg.n_ctx),
        windows=layer_windows(text_config, cfg.n_layers) if config else hooked_windows(cfg),
        logit_cap=logit_cap(text_config, "final_logit_softcapping")
        if config
        else logit_cap(cfg, "output_logits_soft_cap"),
        logit_scale=logit_scale(text_config) if config else 1.0,
        facts={
            "architecture": getattr(cfg, "original_architecture", None) or type(hooked).__name__,
            "device": str(next(hooked.parameters()).device),
            "dtype": str(cfg.dtype).removeprefix("torch."),
            "quantize": None,
            **(tokenizer_facts(tokenizer, folder) if tokenizer is not None else {}),
        },
    )


def _own_config(hooked: Any) -> Any | None:
    """The Hugging Face configuration inside a TransformerBridge; a HookedTransformer has none."""
    config = getattr(getattr(hooked, "original_model", None), "config", None)
    return config if hasattr(config, "get_text_config") else None


def _check_origin(hooked: Any, config: Any) -> None:
    own = _own_config(hooked)
    if own is None:
        check_configuration(hooked.cfg, config)
    elif configuration_digest(own) != configuration_digest(config):
        raise ModelRefusedError(
            f"the model '{getattr(hooked.cfg, 'model_name', 'custom')}' runs with another "
            "configuration than its checkpoint",
            expected="the configuration that the weights were trained with",
            do="load it by folder with load_model",
        )


def load_hooked(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    template: str = "auto",
    check: bool = True,
) -> Model:
    """Load an official name or alias of TransformerLens as a HookedTransformer (releases 3.x).

    Numbers are the checkpoint's: no weight is folded or centred. Raises InputError where the
    installed release has no HookedTransformer or does not know the name.
    """
    transformer, official_name = _hooked_transformer()
    try:
        official = official_name(name.partition("@")[0])
    except ValueError as err:
        raise InputError(
            f"HookedTransformer knows no model '{name}'",
            expected="an official name of TransformerLens, such as gpt2 or pythia-70m",
            do="load it with load_model, which takes any name or folder",
        ) from err
    placement = resolve_placement(device=device, dtype=dtype)
    folder, revision = from_hub(official, name.partition("@")[2] or None)
    config = read_config(official, folder)
    with quiet():
        tokenizer = read_tokenizer(official, folder, template=template)
        hooked = transformer.from_pretrained_no_processing(
            official,
            hf_model=read_weights(official, folder, placement).network,
            # TransformerLens changes the tokenizer it is given, so it gets one of its own.
            tokenizer=read_tokenizer(official, folder),
            device=str(placement.device),
            dtype=placement.dtype,
        )
    check_configuration(hooked.cfg, config)
    hooked.eval().requires_grad_(False)
    model = _model(hooked, tokenizer, official, Origin(folder, revision, config))
    return checked(model) if check else model


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """sha256 over the names, shapes and bytes of all weights, wherever they lie."""
    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _hooked_transformer() -> tuple[Any, Any]:
    """The class HookedTransformer and what finds an official name, of transformer_lens 3.x."""
    try:
        found = import_module("transformer_lens").HookedTransformer
        names = import_module("transformer_lens.loading_from_pretrained")
    except (AttributeError, ImportError) as err:
        raise InputError(
            "the installed transformer_lens has no HookedTransformer",
            expected="transformer_lens 3.x",
            do="pip install 'transformer_lens<4', or load it with load_model",
        ) from err
    return found, names.get_official_model_name


def _tokenizer(
    hooked: Any, given: Any, name: str, folder: Path | None, template: str
) -> Any | None:
    if given is not None:
        return usable_tokenizer(given, name, template)
    if folder is not None:
        return read_tokenizer(name, folder, template=template)
    own = getattr(hooked, "tokenizer", None)
    if own is None:
        return None
    return usable_tokenizer(_as_it_was(own, name), name, template)


def _as_it_was(tokenizer: Any, name: str) -> Any:
    """The tokenizer before TransformerLens made it add a BOS and filled in special tokens."""
    from transformers import AutoTokenizer

    if not tokenizer.name_or_path:
        return tokenizer
    try:
        return AutoTokenizer.from_pretrained(tokenizer.name_or_path, local_files_only=True)
    except (OSError, ValueError) as err:
        raise InputError(
            f"the tokenizer of '{name}' cannot be read again as it was before TransformerLens "
            f"changed it ({first_line(err)})",
            expected=f"'{tokenizer.name_or_path}' in the local cache",
            do="pass tokenizer=AutoTokenizer.from_pretrained(...)",
        ) from err
