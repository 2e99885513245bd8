"""A loaded model: the hooked network, its tokenizer, and the facts every result must carry.

model = load_model("math-tiny")
model.n_layers, model.n_heads, model.info.weights_sha256
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.models.lengths import LengthRule
from workbench.types import ModelInfo


@runtime_checkable
class TextModel(Protocol):
    """What turns samples into tokens for a network of any kind."""

    @property
    def tokenizer(self) -> Any: ...

    @property
    def info(self) -> ModelInfo: ...

    @property
    def n_ctx(self) -> int: ...


@dataclass(frozen=True)
class Model:
    """One hooked model for every stage.

    `hooked` has TransformerLens' shape (`cfg`, `blocks`, `ln_final`, `unembed`, `hooks`);
    `windows[layer]` is the sliding window of a layer or None; `logit_cap` the soft-cap of the final
    logits or None, `logit_scale` what they are multiplied by before it; `facts` (tokenizer and
    template hash, dtype, device, self-check) goes into every manifest. `tokenizer` is None for a
    network of one's own that knows token ids only. `plain` is the Hugging Face network around the
    same weights (`workbench.models.shared`), None where there is none. `lengths` says which texts
    may share a batch, None that all may. How passes are run is an engine's (`workbench.engines`).
    """

    hooked: Any
    tokenizer: Any
    info: ModelInfo
    n_ctx: int
    windows: tuple[int | None, ...]
    logit_cap: float | None
    facts: Mapping[str, Any]
    plain: Any = None
    logit_scale: float = 1.0
    lengths: LengthRule | None = None

    @property
    def n_layers(self) -> int:
        return self.info.n_layers

    @property
    def n_heads(self) -> int:
        return self.info.n_heads

    def length_group(self, n_pos: int) -> int:
        """Texts whose lengths have the same number here may share a batch, and a cache of keys."""
        return self.lengths.group(n_pos) if self.lengths else 0

    @property
    def wrapped(self) -> Any | None:
        """The Hugging Face network inside a bridge; a HookedTransformer has none."""
        return getattr(self.hooked, "original_model", None)

    @property
    def d_head(self) -> int:
        return int(self.hooked.cfg.d_head)

    @property
    def device(self) -> torch.device:
        """Where token ids go; weights that wait on disk or in main memory have no device."""
        places = (p.device for p in self.hooked.parameters())
        return next((place for place in places if place.type != "meta"), torch.device("cpu"))

    def finished(self, logits: Float[Tensor, "*pos vocab"]) -> Float[Tensor, "*pos vocab"]:
        """What the unembedding gives, scaled and capped as the architecture does, in float32."""
        logits = logits.float() * self.logit_scale if self.logit_scale != 1.0 else logits.float()
        cap = self.logit_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    @property
    def pass_options(self) -> dict[str, Any]:
        """What a plain pass is called with beside its tokens: logits, and no cache of keys."""
        known = inspect.signature(self.hooked.forward).parameters.values()
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known)
        return {"return_type": "logits", **({"use_cache": False} if takes_any else {})}

    @property
    def pad_id(self) -> int:
        """Any id will do: padding is on the right, where causal attention never looks."""
        pad = getattr(self.tokenizer, "pad_token_id", None)
        return 0 if pad is None else int(pad)
