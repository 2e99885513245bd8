"""The bundled model and its parts.

ModelWords(home, public).model
"""

from __future__ import annotations

import json
from functools import cached_property

from tests.support.prepared.folder import ROOT, Folder


class ModelWords(Folder):
    """Loaded once, and left as it was found."""

    @cached_property
    def source(self):
        return self.public.ModelSource("math-tiny", device="cpu")

    @cached_property
    def model(self):
        return self.public.load_model("math-tiny", device="cpu")

    @cached_property
    def engine(self):
        return self.public.choose_engine(self.model)

    @cached_property
    def hooked(self):
        return self.model.hooked

    @cached_property
    def tokenizer(self):
        return self.model.tokenizer

    @cached_property
    def config(self):
        return self.hooked.original_model.config

    @property
    def n_layers(self):
        return self.model.n_layers

    @cached_property
    def folder(self):
        return ROOT / "data/models/math-tiny"

    @property
    def adapter(self):
        """An adapter over the bundled model, as far as its configuration goes."""
        folder = self.run_folder
        config = {"base_model_name_or_path": "math-tiny"}
        (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder
