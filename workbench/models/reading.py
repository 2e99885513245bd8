"""What transformers reads of a model's files: configuration and weights, every failure in words.

config = read_config("math-tiny", folder)
network, unused = read_weights("math-tiny", folder, resolve_placement(device="cpu"))

Those of a GGUF file are unpacked, an adapter is merged into its base.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from workbench.errors import InputError, ModelRefusedError, WorkbenchError, first_line
from workbench.models.adapter import adapter_base, check_adapter, merged
from workbench.models.find import is_adapter, is_gguf, transformers_source
from workbench.models.hub import refuse_other_kinds
from workbench.models.placement import Placement
from workbench.models.stated import check_settings, stated_configuration

CONVERSION = (
    'python -c "from transformers import AutoModelForCausalLM as M; '
    "M.from_pretrained('{folder}').save_pretrained('{folder}')\""
)
SUM = torch.float32
UNTRUSTED = "trust_remote_code"
"""Stands in what transformers says of code that it would have to run."""
# As `quantization_config` names them, and as people do.
PACKED = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "compressed-tensors": "compressed-tensors",
    "bitsandbytes": "bitsandbytes",
}


class Weights(NamedTuple):
    """A network of transformers, and the names of weights in its files that it has no place for."""

    network: Any
    unused: tuple[str, ...]


def read_config(name: str, path: Path, *, trust_remote_code: bool = False) -> Any:
    """The configuration of a causal language model whose weights are read without running code."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if is_adapter(path):
        check_adapter(name, path)
        return read_config(name, adapter_base(path)[0], trust_remote_code=trust_remote_code)
    if not is_gguf(path):
        stated_configuration(name, path)
    config = _configuration(name, path, trust_remote_code)
    custom = hasattr(config, "auto_map")
    refuse_other_kinds(name, config.architectures, custom=custom)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and not custom:
        refuse_other_kinds(name, [config.model_type], custom=False)
    _refuse_packed(name, getattr(config, "quantization_config", None))
    if not is_gguf(path) and not list(path.glob("*.safetensors")):
        raise InputError(
            f"the model '{name}' has no safetensors weights",
            expected="*.safetensors (other formats can run code when loaded)",
            do=f"convert it once, if you trust it: {CONVERSION.format(folder=path)}",
        )
    return config


def _configuration(name: str, path: Path, trust_remote_code: bool) -> Any:
    from transformers import AutoConfig

    if is_gguf(path) and importlib.util.find_spec("gguf") is None:
        raise InputError(
            f"the model '{name}' is a GGUF file, which needs the package gguf",
            expected="the extra 'gguf'",
            do="pip install 'circuit-workbench[gguf]'",
        )
    folder, option = transformers_source(path)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, **option)
    except Exception as err:  # what is built of a foreign file raises what it likes
        if UNTRUSTED in str(err):
            raise _own_code(name) from err
        if not is_gguf(path) and _lacks_configuration(stated_configuration(name, path)):
            raise InputError(
                f"the model '{name}' brings code of its own for its network and none for its "
                "configuration (auto_map in config.json has no AutoConfig)",
                expected="an architecture that transformers knows, or both",
                do="read the Python files of its repository, name the class of its configuration "
                "there as AutoConfig, and pass --trust-remote-code",
            ) from err
        raise InputError(
            f"the configuration of model '{name}' cannot be read",
            expected="an architecture that transformers knows",
            do=f"upgrade transformers or choose another model ({first_line(err)})",
        ) from err
    # Of a GGUF file this is the first that is known.
    check_settings(name, config.to_dict())
    return config


def _own_code(name: str) -> InputError:
    """What to say of a model that cannot be loaded without running code that came with it."""
    return InputError(
        f"the model '{name}' brings code of its own, which is not run unasked",
        expected="an architecture that transformers knows",
        do="read the Python files of its repository, then pass --trust-remote-code",
    )


def _lacks_configuration(stated: dict[str, Any]) -> bool:
    """Whether code comes for the network of an unknown kind of model, and none for what it is."""
    from transformers import CONFIG_MAPPING

    own, kind = stated.get("auto_map"), str(stated.get("model_type"))
    names = own if isinstance(own, dict) and kind not in CONFIG_MAPPING else {}
    return "AutoConfig" not in names and any(name.startswith("AutoModel") for name in names)


def _refuse_packed(name: str, packed: Any) -> None:
    """Raise ModelRefusedError for weights that are stored in few bits: nothing edits those."""
    if not packed:
        return
    method = packed.get("quant_method") if isinstance(packed, dict) else packed.quant_method
    method = str(getattr(method, "value", method or "bitsandbytes"))
    raise ModelRefusedError(
        f"the weights of model '{name}' are stored quantised ({PACKED.get(method, method)})",
        expected="whole weights: float32, bfloat16 or float16",
        do="choose the model that it was made from, with --quantize 8bit or 4bit if need be",
    )


def read_weights(
    name: str,
    path: Path,
    placement: Placement,
    *,
    attention: str | None = "eager",
    trust_remote_code: bool = False,
) -> Weights:
    """The Hugging Face model, complete and on its devices."""
    base = adapter_base(path)[0] if is_adapter(path) else path
    if placement.placed_while_read and (is_gguf(base) or is_adapter(path)):
        raise InputError(
            f"the model '{name}' is made whole while it is read (a GGUF file is unpacked, an "
            "adapter merged), which needs one device",
            do="leave out --quantize and --device-map, or save the whole model and load that",
        )
    options = {"attn_implementation": attention, "trust_remote_code": trust_remote_code}
    try:
        network, report = _read(base, placement, options)
        if is_adapter(path):
            network = merged(name, path, network)
        if not placement.placed_while_read:
            network = network.to(placement.device)
    except torch.OutOfMemoryError as err:
        raise InputError(
            f"the weights of model '{name}' do not fit into memory",
            do="pass --dtype bfloat16, --device-map auto or --quantize 8bit",
        ) from err
    except WorkbenchError:
        raise
    except Exception as err:  # what is built of foreign files raises what it likes
        if UNTRUSTED in str(err):
            raise _own_code(name) from err
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
    _refuse_not_finite(name, network)
    return Weights(network, tuple(sorted(report["unexpected_keys"])))


def _read(path: Path, placement: Placement, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What `from_pretrained` makes of a whole model, and its report."""
    from transformers import AutoModelForCausalLM

    folder, option = transformers_source(path)
    read: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        use_safetensors=True,
        output_loading_info=True,
        **placement.read_options(),
        **options,
        **option,
    )
    network, report = read
    if is_gguf(path):
        # The weights have been unpacked, but the network would say that it cannot be saved.
        network.is_quantized, network.hf_quantizer = False, None
        del network.config.quantization_config
    return network, report


def _refuse_not_finite(name: str, network: Any) -> None:
    """Raise ModelRefusedError for NaN or infinity in a weight, which all that follows would be."""
    for of_weight, weight in network.named_parameters():
        # The sum of a weight is not finite if any value is not, and costs no second copy of it.
        if weight.is_meta or not weight.is_floating_point() or weight.sum(dtype=SUM).isfinite():
            continue
        if not weight.isfinite().all():
            raise ModelRefusedError(
                f"the weights of model '{name}' hold NaN or infinity ({of_weight})",
                expected="finite numbers",
                do="save or download the model again",
            )


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
