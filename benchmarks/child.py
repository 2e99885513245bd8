"""One process, one peak of memory: `python -m benchmarks.child FOLDER DTYPE`.

Prints bytes as a JSON object. Started by `benchmarks.memory`.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path


def resident(field: str) -> int:
    """`VmRSS` now or `VmHWM` at most since the last reset, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def load(folder: str, dtype: str) -> dict[str, int]:
    import transformer_lens.model_bridge  # noqa: F401  # libraries are not the model

    from benchmarks.shapes import loaded

    reset_peak()
    before = resident("VmRSS")
    model = loaded(folder, dtype=dtype)
    peak, held = resident("VmHWM"), resident("VmRSS")
    del model
    gc.collect()
    return {"before": before, "peak": peak, "loaded": held, "released": resident("VmRSS")}


if __name__ == "__main__":
    print(json.dumps(load(*sys.argv[1:])))
