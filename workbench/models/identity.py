"""Is this the model the heads were found on?

check_same_model(heads.model, model.info)
"""

from __future__ import annotations

from workbench.errors import InputError
from workbench.types import ModelInfo


def check_same_model(found: ModelInfo, model: ModelInfo) -> None:
    """Raise InputError for heads that were `found` on a model of another shape or other weights.

    Heads without a weights hash (published by other projects) are checked by shape alone.
    """
    do = "pass the model they were found on, or find heads on this one"
    if (found.n_layers, found.n_heads) != (model.n_layers, model.n_heads):
        raise InputError(
            f"the heads were found on '{found.id}' with "
            f"{found.n_layers} layers x {found.n_heads} heads",
            expected=f"the model '{model.id}' with {model.n_layers} layers x {model.n_heads} heads",
            do=do,
        )
    if found.weights_sha256 and found.weights_sha256 != model.weights_sha256:
        raise InputError(
            f"the heads were found on '{found.id}' with weights {found.weights_sha256[:12]}",
            expected=f"weights {model.weights_sha256[:12]} of '{model.id}'",
            do=do,
        )
