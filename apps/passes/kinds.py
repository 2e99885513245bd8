"""What kind of head each is, measured once a run and kept beside it: `kinds.json`.

kinds = known_kinds(run) or measured_kinds(run, model)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from apps.passes.model import turn
from apps.reading.files import load, read_json
from apps.reading.marks import beside
from apps.reading.runs import FoundRun
from workbench.circuits import HeadKinds, head_kinds
from workbench.data import atomic_file
from workbench.engines import HookedEngine
from workbench.models import Model

KINDS = "kinds"


def known_kinds(run: FoundRun) -> HeadKinds | None:
    """The scores that were measured before, if they were: by the reader, or with the run."""
    paths = (beside(run, KINDS), run.folder / f"{KINDS}.json")
    return next((load(_read, path) for path in paths if path.is_file()), None)


def _read(path: Path) -> HeadKinds:
    content = read_json(path)
    return HeadKinds(*(np.array(content[name]) for name in HeadKinds._fields))


def measured_kinds(run: FoundRun, model: Model) -> HeadKinds:
    """One pass over some random tokens, then written down."""
    with turn():
        kinds = head_kinds(HookedEngine(model))
    path = beside(run, KINDS)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_kinds(path, kinds)
    return kinds


def write_kinds(path: Path, kinds: HeadKinds) -> None:
    content = {name: np.round(values, 6).tolist() for name, values in kinds._asdict().items()}
    with atomic_file(path) as file:
        file.write(json.dumps(content).encode())
