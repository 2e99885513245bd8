"""Where the bundled model, data and pages lie: in the clone, or inside the installed wheel.

bundled_dir("data") / "pools/gsm8k.jsonl.gz"
"""

from __future__ import annotations

from pathlib import Path

from workbench.errors import InputError

DATASETS = {
    "gsm8k": "pools/gsm8k.jsonl.gz",
    "math": "pools/math.jsonl.gz",
    "generated": "pools/generated.jsonl.gz",
    "text": "pools/text.jsonl.gz",
}
MODELS = {"math-tiny": "models/math-tiny"}


def bundled_dir(name: str) -> Path:
    """The folder `data` or `apps`, wherever this installation keeps it."""
    package = Path(__file__).resolve().parent
    for root in (package / "_bundled", package.parent):
        if (root / name).is_dir():
            return root / name
    raise InputError(
        f"the bundled folder '{name}' is missing from this installation",
        do="install the wheel again or run from a complete clone",
    )
