"""Models for the pages: loaded once, one session at a time.

One model is kept; sessions take turns, because the hooks of one would be seen by another.

model = local_model(run, heads.model)
with turn(): ...                     # whatever runs the model
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from apps.reading.roots import checked_model
from apps.reading.runs import FoundRun
from apps.reading.workspace import allowed_roots
from apps.words.markdown import literal
from workbench import models
from workbench.catalog import here
from workbench.engines import Engine, choose_engine
from workbench.errors import WorkbenchError
from workbench.models import Model
from workbench.types import ModelInfo

LOADING = ("dtype", "template", "quantize")


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
    is_local = name in here() or Path(name).expanduser().exists()
    if not is_local and not st.toggle(
        f"Load {literal(name)} from the Hugging Face hub", key="load"
    ):
        st.caption("Not on this machine yet: it is downloaded and loaded only when you say so.")
        return None
    try:
        model = loaded_model(checked_model(name, allowed_roots()), **(how or {}))
        if info is not None:
            models.check_same_model(info, model.info)
    except (WorkbenchError, OSError) as err:
        st.error(literal(f"The model cannot be used here: {err}"))
        return None
    return model


@st.cache_resource(max_entries=1, show_spinner="Loading the model (seconds to minutes)")
def loaded_model(
    name: str, *, dtype: str = "float32", template: str = "auto", quantize: str | None = None
) -> Model:
    return models.load_model(name, dtype=dtype, template=template, quantize=quantize)


def engine_of(model: Model) -> Engine:
    """The engine that the pages' passes run on: the fused one where it agrees."""
    return _engine(key_of(model), model)


@st.cache_resource(max_entries=1, show_spinner="Choosing the engine")
def _engine(key: str, _model: Model) -> Engine:
    return choose_engine(_model)


@st.cache_resource
def turn() -> threading.Lock:
    """Held while the model runs."""
    return threading.Lock()


def key_of(model: Model) -> str:
    """What a cached result of this model is filed under."""
    facts = "/".join(str(model.facts.get(name)) for name in ("dtype", "quantize", "template"))
    return f"{model.info.weights_sha256}/{facts}"
