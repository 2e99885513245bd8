"""A manifest changed by a test and sealed again, as a run would have written it.

write_manifest(run / "manifest.json", manifest | {"stage": "validate"})
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.runs.manifest import sealed


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    path.write_text(json.dumps(sealed(manifest)), encoding="utf-8")
