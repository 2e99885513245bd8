"""What a run is asked: its stage, configuration and inputs; the same question has the same name.

RunSpec("score-circuitseer", {"variant": "cv2"}, {"data": sha256}).name
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.config import canonical_json, digest

SCHEMA = 1
_STAGE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class RunSpec:
    """The question (hashed into the name) and what is only recorded beside it.

    Hashed: `stage` (also the label, as in `score-circuitseer`), `config` (every option that can
    change the result, so also seed and dtype), `inputs` (name -> fingerprint of the data, heads,
    model weights, tokenizer and template read).
    Recorded: `model`, `parents` (names of the runs whose results are read), `details` (device
    and the like). `result_name` is the file whose existence means finished.
    """

    stage: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Any]
    result_name: str = "result.parquet"
    parents: tuple[str, ...] = ()
    model: Mapping[str, Any] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _STAGE.fullmatch(self.stage):
            raise ValueError(f"stage is '{self.stage}', expected lower-case words joined by '-'")
        weights = (self.model or {}).get("weights_sha256")
        if weights and weights not in canonical_json(self.inputs):
            # Otherwise a finished run of another model would answer for this one.
            raise ValueError("the model's weights_sha256 is missing from inputs, put it there")

    @property
    def digest(self) -> str:
        """sha256 over stage, configuration, input fingerprints and schema version."""
        return digest(
            {
                "stage": self.stage,
                "config": self.config,
                "inputs": self.inputs,
                "schema": SCHEMA,
            }
        )

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.digest[:8]}"
