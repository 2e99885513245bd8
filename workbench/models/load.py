"""Load a causal language model by bundled name, local folder or hub id, and check it.

    model = load_model("math-tiny")
    model = load_model("Qwen/Qwen2.5-Math-1.5B-Instruct@main", dtype="bfloat16", device="cuda")

Weights are read from safetensors only, repository code is not run unless asked for, and numbers
are plain Hugging Face numerics (TransformerLens' weight processing stays off).
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from workbench.bundled import MODELS
from workbench.config import digest, file_digest
from workbench.errors import InputError, ModelRefusedError
from workbench.models.find import find_model, weights_digest
from workbench.models.model import Model
from workbench.models.selfcheck import self_check
from workbench.types import ModelInfo

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    check: bool = True,
) -> Model:
    """Load model `name` (`bundled`, folder, or `org/name[@revision]`) and self-check it.

    Raises InputError for an unknown name, device or dtype, and ModelRefusedError with the reason
    for a model whose attention cannot be read or edited.
    """
    folder, revision = find_model(name)
    config = _read_config(name, folder, trust_remote_code)
    torch_device, torch_dtype = resolve_device(device), resolve_dtype(dtype)
    with _quiet():
        tokenizer = _read_tokenizer(name, folder, trust_remote_code)
        hooked = _boot(name, folder, torch_device, torch_dtype, trust_remote_code)
    text_config = config.get_text_config()
    info = ModelInfo(
        id=name.partition("@")[0] if revision or name in MODELS else folder.absolute().name,
        revision=revision,
        weights_sha256=weights_digest(folder),
        n_layers=int(hooked.cfg.n_layers),
        n_heads=int(hooked.cfg.n_heads),
    )
    model = Model(
        hooked=hooked,
        tokenizer=tokenizer,
        info=info,
        n_ctx=int(getattr(text_config, "max_position_embeddings", None) or hooked.cfg.n_ctx),
        windows=layer_windows(text_config, info.n_layers),
        logit_cap=getattr(text_config, "final_logit_softcapping", None),
        facts={
            "architecture": (config.architectures or [config.model_type])[0],
            "device": str(torch_device),
            "dtype": dtype,
            "tokenizer_sha256": _tokenizer_digest(folder, tokenizer),
            "template_sha256": digest(tokenizer.chat_template or ""),
        },
    )
    if not check:
        return model
    return replace(model, facts={**model.facts, "self_check": self_check(model)})


def resolve_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(name.partition(":")[0], False):
        raise InputError(
            f"the device '{name}' is not available here",
            expected=" or ".join(["auto", *(k for k, there in available.items() if there)]),
            do="pass --device cpu",
        )
    return torch.device(name)


def resolve_dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise InputError(
            f"the dtype is '{name}'", expected=" or ".join(DTYPES), do="pass --dtype float32"
        )
    return DTYPES[name]


def layer_windows(text_config: Any, n_layers: int) -> tuple[int | None, ...]:
    """Sliding window of each layer in tokens, the query itself included, or None."""
    window = getattr(text_config, "sliding_window", None)
    kinds = getattr(text_config, "layer_types", None)
    if window is None or getattr(text_config, "use_sliding_window", True) is False:
        return (None,) * n_layers
    if kinds is None:
        return (int(window),) * n_layers
    return tuple(int(window) if kind == "sliding_attention" else None for kind in kinds)


def _read_config(name: str, folder: Path, trust_remote_code: bool) -> Any:
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError) as err:
        raise InputError(
            f"the configuration of model '{name}' cannot be read",
            expected="an architecture that transformers knows",
            do=f"upgrade transformers or choose another model ({_first_line(err)})",
        ) from err
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and not hasattr(config, "auto_map"):
        raise ModelRefusedError(
            f"the model '{name}' is a {config.model_type}",
            expected="a causal language model",
            do="choose a decoder that predicts the next token",
        )
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"the model '{name}' has no safetensors weights",
            expected="*.safetensors (other formats can run code when loaded)",
            do="convert it with model.save_pretrained(folder)",
        )
    return config


def _read_tokenizer(name: str, folder: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError) as err:
        raise InputError(
            f"the tokenizer of model '{name}' cannot be read",
            expected="a tokenizer.json beside the weights",
            do=f"save it with tokenizer.save_pretrained(folder) ({_first_line(err)})",
        ) from err
    if not tokenizer.is_fast:
        raise ModelRefusedError(
            f"the tokenizer of model '{name}' gives no character offsets",
            expected="a fast tokenizer (tokenizer.json)",
            do="save the fast version beside the weights",
        )
    return tokenizer


def _read_weights(name: str, folder: Path, dtype: torch.dtype, trust_remote_code: bool) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            attn_implementation="eager",
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as err:
        raise InputError(
            f"the weights of model '{name}' cannot be read",
            expected="complete safetensors files that fit config.json",
            do=f"save or download the model again ({_first_line(err)})",
        ) from err
    weights, report = read
    if report["missing_keys"]:
        raise InputError(
            f"the weights of model '{name}' lack {min(report['missing_keys'])}",
            expected="every weight of its architecture (transformers draws others at random)",
            do="save or download the model again",
        )
    return weights


def _boot(
    name: str, folder: Path, device: torch.device, dtype: torch.dtype, trust_remote_code: bool
) -> Any:
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoTokenizer

    weights = _read_weights(name, folder, dtype, trust_remote_code)
    try:
        hooked = TransformerBridge.boot_transformers(
            str(folder),
            hf_model=weights.to(device),
            device=device,
            dtype=dtype,
            tokenizer=AutoTokenizer.from_pretrained(folder),
            trust_remote_code=trust_remote_code,
        )
    except (ValueError, NotImplementedError, KeyError, AttributeError) as err:
        raise ModelRefusedError(
            f"TransformerLens cannot wrap the model '{name}' ({_first_line(err)})",
            expected="an architecture that TransformerBridge supports",
            do="choose another model",
        ) from err
    hooked.eval()
    return hooked.requires_grad_(False)


def _tokenizer_digest(folder: Path, tokenizer: Any) -> str:
    path = folder / "tokenizer.json"
    return file_digest(path) if path.is_file() else digest(tokenizer.get_vocab())


def _first_line(err: Exception) -> str:
    return (str(err).strip() or type(err).__name__).splitlines()[0][:200]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
