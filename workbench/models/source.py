"""A model by name and how it is to be loaded: looked up once, loaded once and only when needed.

source = ModelSource("math-tiny")
source.fingerprint(), source.load()
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.models.adapter import adapter_base, tokenizer_of
from workbench.models.find import find_model, is_adapter
from workbench.models.fingerprint import code_digest, model_fingerprint, text_fingerprint
from workbench.models.inputs import CLOCK, in_template, template_clock
from workbench.models.load import load_model
from workbench.models.model import Model
from workbench.models.thinking import CLOSE


class ModelSource:
    """A model by name, looked up once, and loaded once and only when a stage really needs it.

    `dtype`, `template` and `quantize` change numbers, so they belong to every run's fingerprint;
    `device` and `device_map` do not. `engine` is what passes run on; one that is asked for belongs
    there too, the choice of `auto` does not, and so does the code of a repository that is trusted.
    """

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        dtype: str = "float32",
        template: str = "auto",
        device_map: str | None = None,
        quantize: str | None = None,
        engine: str = "auto",
        trust_remote_code: bool = False,
    ):
        self.name, self.device, self.dtype = name, device, dtype
        self.template, self.device_map, self.quantize = template, device_map, quantize
        self.engine, self.trust_remote_code = engine, trust_remote_code
        self._model: Model | None = None
        self._found: tuple[Path, str | None] | None = None
        self._files: dict[str, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Another process loads the model itself; the files must be those known here."""
        return {**vars(self), "name": self.pinned, "_model": None, "_found": None}

    @property
    def pinned(self) -> str:
        """The name with the commit that was looked up, not what a branch may point at by now."""
        revision = self.find()[1]
        return f"{self.name.partition('@')[0]}@{revision}" if revision else self.name

    def load(self) -> Model:
        if self._model is None:
            self._model = load_model(
                self.pinned,
                device=self.device,
                dtype=self.dtype,
                template=self.template,
                device_map=self.device_map,
                quantize=self.quantize,
                trust_remote_code=self.trust_remote_code,
            )
            self._check_unchanged(self._model)
        return self._model

    def find(self) -> tuple[Path, str | None]:
        """The model's folder and revision, the same for as long as this object lives."""
        self._found = self._found or find_model(self.name, code=self.trust_remote_code)
        return self._found

    def fingerprint(self) -> dict[str, Any]:
        self._files = self._files or model_fingerprint(self.find()[0])
        how = {"dtype": self.dtype, "template": self.template, "quantize": self.quantize}
        texts = tokenizer_of(self.find()[0])
        clock, thinks = (
            self.template != "none" and in_template(texts, word) for word in (CLOCK, CLOSE)
        )
        return {
            **self._files,
            **how,
            **({} if self.engine == "auto" else {"engine": self.engine}),
            **(template_clock(CLOCK) if clock else {}),
            **({"think_blocks": "kept"} if thinks else {}),
            **(self._code() if self.trust_remote_code else {}),
        }

    def _code(self) -> dict[str, str]:
        """Digests of what is run of the model's own: beside its tokenizer, and of the network."""
        path = self.find()[0]
        base = {"base_code_sha256": code_digest(adapter_base(path)[0])} if is_adapter(path) else {}
        return {"code_sha256": code_digest(tokenizer_of(path)), **base}

    def _check_unchanged(self, model: Model) -> None:
        """InputError where the files are no longer those that the run is named by."""
        read = {"weights_sha256": model.info.weights_sha256, **text_fingerprint(self.find()[0])}
        known = {k: v for k, v in self._files.items() if k != "base_weights_sha256"}
        if known and read != known:
            changed = sorted(k for k in {*read, *known} if read.get(k) != known.get(k))
            raise InputError(
                f"the files of model '{self.name}' were changed while it was loaded "
                f"({', '.join(changed)})",
                expected="the same files from a run's beginning to its end",
                do="run the command again",
            )

    def manifest(self) -> dict[str, Any]:
        """The model's block of a manifest, without loading it."""
        weights = self.fingerprint()["weights_sha256"]
        told = {"trust_remote_code": True} if self.trust_remote_code else {}
        return {"id": self.name, "revision": self.find()[1], "weights_sha256": weights, **told}
