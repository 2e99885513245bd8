"""The finished runs of one folder, looked up at most once a second.

finished_in(Path("runs"))[0].title
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.runs import RunSummary, list_runs, located, read_manifest
from workbench.scoring import SCORERS


@dataclass(frozen=True)
class FoundRun:
    """A finished run inside the root, with its manifest."""

    name: str
    stage: str
    folder: Path
    result: Path
    created: str
    manifest: Mapping[str, Any]
    origin: str = ""

    @property
    def model(self) -> str:
        return self._located((self.manifest.get("model") or {}).get("id", ""))

    @property
    def data(self) -> list[str]:
        return [self._located(name) for name in self.manifest.get("details", {}).get("data", [])]

    def _located(self, name: Any) -> str:
        """Wherever the app runs: the folder of runs lies where the command ran, as a rule."""
        return located(self.manifest, str(name), *self.folder.absolute().parents[1:3])

    @property
    def title(self) -> str:
        """The data or model, what was done with it, the end of the run's name, and its origin."""
        names = ", ".join(Path(name).name for name in self.data) or Path(self.model).name
        if not names:
            return " · ".join(filter(None, [self.name, self.origin]))
        method, config = self.stage.partition("-")[2], self.manifest["config"]
        if method in SCORERS and (option := SCORERS[method].variant):
            method = str(config.get(option, method))
        if self.stage.startswith("heads-") and "ablation" in config:
            method = f"{method}, {config['ablation']}"
        last = self.name.rpartition("-")[2]
        return " · ".join(filter(None, [names, method, self._circuit(), last, self.origin]))

    def _circuit(self) -> str:
        """What circuit was scored by or validated, where it is not just found."""
        if self.stage.startswith("heads-"):
            return ""
        found = (name.split("-")[1] for name in self.manifest["parents"] if "heads-" in name)
        return next((f"{kind} circuit" for kind in found if kind in ("chosen", "robust")), "")


def runs_in(root: Path) -> list[RunSummary]:
    """Every run of the folder, also broken ones, newest first."""
    return _listed(root, int(time.monotonic()))


def finished_in(root: Path) -> list[FoundRun]:
    """The runs whose result is there and may be read, newest first."""
    return _finished(root, int(time.monotonic()))


def forget_runs() -> None:
    """Look at the folders again: someone has just changed them."""
    _listed.cache_clear()
    _finished.cache_clear()


@lru_cache(maxsize=8)
def _listed(root: Path, second: int) -> list[RunSummary]:
    return list_runs(root)


@lru_cache(maxsize=8)
def _finished(root: Path, second: int) -> list[FoundRun]:
    found = []
    for run in _listed(root, second):
        if run.status != "finished" or run.result is None:
            continue
        # A manifest is a file like any other: the result it names must not lead out of the root.
        if not run.result.resolve().is_relative_to(root.resolve()):
            continue
        try:
            manifest = read_manifest(run.path)
        except InputError:
            # Deleted since it was listed.
            continue
        found.append(FoundRun(run.name, run.stage, run.path, run.result, run.created, manifest))
    return found
