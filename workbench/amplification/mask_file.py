"""`mask.json`: the kept components, the values before rounding, and how they were found.

summary = mask_summary(found, MaskOptions(), model=model.info, n_examples=93)
kept, shape = read_mask(mask_path)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.amplification.components import (
    KINDS,
    Components,
    ModelShape,
    check_components,
    components,
)
from workbench.amplification.mask import FoundMask
from workbench.errors import InputError, kind_of
from workbench.options import MaskOptions
from workbench.types import ModelInfo

SCHEMA = 1
NORMALISED_WARNING = (
    "queries or keys are normalised after their projection in this model: twice a head's query "
    "comes out of the norm as it went in, so its query and key masks mean little"
)


def mask_summary(
    found: FoundMask,
    options: MaskOptions,
    *,
    model: ModelInfo,
    n_examples: int,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of `mask.json`; values are rounded to four digits."""
    return {
        "schema": SCHEMA,
        "model": dataclasses.asdict(model),
        "shape": dataclasses.asdict(found.shape),
        "options": dataclasses.asdict(options),
        "n_examples": n_examples,
        "kept": found.kept.to_json(),
        "counts": found.kept.counts(),
        "n_kept": len(found.kept),
        "share": found.kept.share(found.shape),
        "values": {kind: np.round(found.values[kind], 4).tolist() for kind in KINDS},
        "difference_before": found.before,
        "difference_after": found.curve[-1]["difference"],
        "stopped": found.stopped,
        "curve": found.curve,
        "warnings": list(warnings),
    }


def read_mask_file(path: Path) -> dict[str, Any]:
    """The content of a `mask.json`; InputError if it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        fits = content["schema"] == SCHEMA and set(KINDS) <= set(content["kept"])
        ModelShape(**content["shape"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"'{path}' cannot be read as a mask ({kind_of(err)})",
            expected="a mask.json",
            do="pass the run of `workbench amplify mask`",
        ) from err
    if not fits:
        raise InputError(f"'{path}' is no mask of schema {SCHEMA}", expected="a mask.json")
    return content


def read_mask(path: Path) -> tuple[Components, ModelShape]:
    """The kept components and the shape of the model they belong to."""
    content = read_mask_file(path)
    kept, shape = components(content["kept"]), ModelShape(**content["shape"])
    check_components(kept, shape)
    return kept, shape
