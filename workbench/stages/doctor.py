"""What this installation can do: versions, devices, memory, and a model's self-check.

report = examine(ModelSource("math-tiny"))
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import torch

from workbench.models import ModelSource
from workbench.runs import package_versions


def examine(source: ModelSource) -> dict[str, Any]:
    """Versions, machine, and the model with each figure of its self-check."""
    model = source.load()
    facts = dict(model.facts)
    check = facts.pop("self_check")
    return {
        "versions": package_versions(),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
            "cuda": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
            "mps": torch.backends.mps.is_available(),
        },
        "model": {
            "id": model.info.id,
            "revision": model.info.revision,
            "layers": model.n_layers,
            "heads": model.n_heads,
            "context": model.n_ctx,
            "weights_sha256": model.info.weights_sha256,
            **facts,
        },
        "self-check": {**check, "verdict": "usable"},
    }
