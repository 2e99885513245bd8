"""Single samples through a model, for the pages: loaded once, one session at a time, cached.

One model is kept; sessions take turns, because the hooks of one would be seen by another.

model = local_model(run, heads.model)
view = token_view(model, circuit.heads, sample, part="prompt", drop_sink=False)
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.reading.roots import checked_model
from apps.reading.workspace import FoundRun, allowed_roots
from workbench import models
from workbench.bundled import MODELS
from workbench.errors import WorkbenchError
from workbench.models import Model
from workbench.scoring import column_means, without_sink
from workbench.types import Head, ModelInfo, Sample

LOADING = ("dtype", "template", "quantize")


@dataclass(frozen=True)
class TokenView:
    """A window of tokens and the mean attention each receives from the circuit; sums to 1.

    `by_head` has one row a head of the circuit.
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    start: int
    by_head: Float[np.ndarray, "head pos"]

    @property
    def received(self) -> Float[np.ndarray, " pos"]:
        return self.by_head.mean(0)


def contributions(received: Float[np.ndarray, " pos"]) -> Float[np.ndarray, " pos"]:
    """`(a_j - 1/T)^2`; their mean is the paper's score."""
    return (received - 1 / len(received)) ** 2


def local_model(run: FoundRun, info: ModelInfo) -> Model | None:
    """The model of a run, loaded as the run did; None when the page has said why not."""
    how = run.manifest["inputs"].get("model") or {}
    revision = (run.manifest.get("model") or {}).get("revision")
    # The commit that was read, not what a branch points at by now.
    name = f"{run.model.partition('@')[0]}@{revision}" if revision else run.model
    return loaded(name, info=info, how={key: how[key] for key in LOADING if key in how})


def loaded(
    name: str, *, info: ModelInfo | None = None, how: Mapping[str, Any] | None = None
) -> Model | None:
    """The model `name`, checked against `info`; one from the hub only when asked for.

    `how` are the options of `load_model` that change numbers: dtype, template, quantize.
    """
    is_local = name in MODELS or Path(name).expanduser().is_dir()
    if not is_local and not st.toggle(f"Load {name} from the Hugging Face hub", key="load"):
        st.caption("Not on this machine yet: it is downloaded and loaded only when you say so.")
        return None
    try:
        model = loaded_model(checked_model(name, allowed_roots()), **(how or {}))
        if info is not None:
            models.check_same_model(info, model.info)
    except (WorkbenchError, OSError) as err:
        st.error(f"The model cannot be used here: {err}")
        return None
    return model


@st.cache_resource(max_entries=1, show_spinner="Loading the model (seconds to minutes)")
def loaded_model(
    name: str, *, dtype: str = "float32", template: str = "auto", quantize: str | None = None
) -> Model:
    return models.load_model(name, dtype=dtype, template=template, quantize=quantize)


@st.cache_resource
def turn() -> threading.Lock:
    """Held while the model runs."""
    return threading.Lock()


def rendered_window(
    model: Model, sample: Sample, *, part: str, drop_sink: bool = False
) -> tuple[tuple[int, ...], int]:
    """The ids up to the end of `part`, and where the part begins."""
    rendered = models.render(sample, model.tokenizer)
    start, end = without_sink(rendered, part) if drop_sink else rendered.window(part)
    return rendered.ids[:end], start


def token_view(
    model: Model, heads: Sequence[Head], sample: Sample, *, part: str, drop_sink: bool
) -> TokenView:
    """Attention received in the window that a score over `part` is taken on."""
    ids, start = rendered_window(model, sample, part=part, drop_sink=drop_sink)
    means = _received(key_of(model), ids, start, tuple(heads), model)
    return TokenView(ids, texts_of_tokens(model, ids[start:]), start, means[:, start:])


def texts_of_tokens(model: Model, ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(model.tokenizer.decode([i]) for i in ids)


def key_of(model: Model) -> str:
    """What a cached result of this model is filed under."""
    facts = "/".join(str(model.facts.get(name)) for name in ("dtype", "quantize", "template"))
    return f"{model.info.weights_sha256}/{facts}"


@st.cache_data(max_entries=64, show_spinner=False)
def _received(
    key: str, ids: tuple[int, ...], start: int, heads: tuple[Head, ...], _model: Model
) -> Float[np.ndarray, "head pos"]:
    with turn():
        (means,) = column_means(_model, heads, torch.tensor([ids]), [[(start, len(ids))]])
    return means[0]


def head_pattern(model: Model, ids: tuple[int, ...], head: Head) -> Float[np.ndarray, "query key"]:
    """The attention pattern of one head; layers above it do not run."""
    return _pattern(key_of(model), ids, head, model)


@st.cache_data(max_entries=16, show_spinner=False)
def _pattern(
    key: str, ids: tuple[int, ...], head: Head, _model: Model
) -> Float[np.ndarray, "query key"]:
    seen: list[torch.Tensor] = []

    def read(pattern: torch.Tensor, hook: Any) -> None:
        seen.append(pattern[0, head.head].float().cpu())

    stop = head.layer + 1
    with turn(), models.hooks(_model, [(models.pattern_hook(head.layer), read)]):
        _model.hooked(
            torch.tensor([ids], device=_model.device),
            return_type="logits",
            use_cache=False,
            stop_at_layer=stop if stop < _model.n_layers else None,
        )
    return seen[0].numpy()
