"""The robust circuit as a run: finished runs of heads in, the heads that stay in the circuit out.

    outcome = run_robust(place, source, [heads_path, other_path], RobustOptions(keep=0.8))

Nothing is measured anew. The rows that any of the runs was found on are kept, so that a validation
leaves them out.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.circuits import Setting, heads_to_json, read_heads, robust_heads
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.models import ModelSource
from workbench.options import RobustOptions
from workbench.runs import FACTS, Finding, Outcome, Place, RunSpec, Task, answer, read_manifest
from workbench.stages.heads.deltas import RESULT, SEEN, seen_rows
from workbench.types import HeadScores


def run_robust(
    place: Place, source: ModelSource, heads_paths: Sequence[Path], options: RobustOptions
) -> Outcome:
    """The consensus of the heads at `heads_paths`, all of the model of `source`."""
    settings = settings_of(heads_paths)
    found = robust_heads(settings, keep=options.keep)
    weights = source.fingerprint()["weights_sha256"]
    _check_weights(settings, weights, source.name)
    origins = sorted(path.parent for path in heads_paths)
    spec = RunSpec(
        "heads-robust",
        config=dataclasses.asdict(options),
        inputs={
            "heads": sorted(file_digest(path) for path in heads_paths),
            "model": source.fingerprint(),
        },
        result_name=RESULT,
        parents=tuple(dict.fromkeys([*(o.name for o in origins), *_probes(origins)])),
        model=source.manifest(),
        details={"tokens": tokens} if (tokens := _details(origins[0]).get("tokens")) else {},
    )

    def work(task: Task) -> Finding:
        _keep_seen(task, origins)
        _keep_facts(task, origins)
        n_chosen = sum(head.selected for head in found.heads)
        return Finding(heads_to_json(found), counts={"ok": n_chosen})

    return answer(place, spec, work)


def plan_robust(
    source: ModelSource, heads_paths: Sequence[Path], options: RobustOptions
) -> dict[str, Any]:
    """What would be agreed on; no pass over a model."""
    found = robust_heads(settings_of(heads_paths), keep=options.keep)
    return {
        "forward_passes": 0,
        "estimated_seconds": 0.0,
        "settings": len(heads_paths),
        "heads_kept": sum(head.selected for head in found.heads),
    }


def settings_of(heads_paths: Sequence[Path]) -> list[Setting]:
    """The heads at these paths, named by their runs, in the order of the names."""
    found = [
        Setting(path.parent.name, read_heads(path), _data_of(path.parent)) for path in heads_paths
    ]
    return sorted(found, key=lambda setting: setting.run)


def _check_weights(settings: Sequence[Setting], weights: str, name: str) -> None:
    of_heads: HeadScores = settings[0].heads
    if of_heads.model.weights_sha256 and of_heads.model.weights_sha256 != weights:
        raise InputError(
            f"the heads were found on '{of_heads.model.id}' with weights "
            f"{of_heads.model.weights_sha256[:12]}",
            expected=f"weights {weights[:12]} of '{name}'",
            do="pass --model with the model they were found on",
        )


def _data_of(folder: Path) -> tuple[str, ...]:
    """The sources of the probe behind a run of heads, by name; empty where it is gone."""
    for name in _parents(folder):
        data = _details(folder.parent / name).get("data")
        if data:
            return tuple(Path(source).name for source in data)
    return ()


def _probes(folders: Sequence[Path]) -> list[str]:
    return [name for folder in folders for name in _parents(folder)]


def _parents(folder: Path) -> list[str]:
    try:
        return list(read_manifest(folder)["parents"])
    except InputError:
        return []


def _details(folder: Path) -> dict[str, Any]:
    try:
        return dict(read_manifest(folder)["details"])
    except InputError:
        return {}


def _keep_facts(task: Task, folders: Sequence[Path]) -> None:
    """Facts of the model where rows were rendered alike; over several ways it is tied to none."""
    paths = [folder / FACTS for folder in folders]
    if not all(path.is_file() for path in paths):
        return
    facts = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    if len({known.get("template_sha256") for known in facts}) == 1:
        shutil.copyfile(paths[0], task.run.path / FACTS)


def _keep_seen(task: Task, folders: Sequence[Path]) -> None:
    """The rows of all settings; nothing where one of them does not say."""
    seen = [seen_rows(folder) for folder in folders]
    if None not in seen:
        row_ids = sorted(frozenset[str]().union(*filter(None, seen)))
        pq.write_table(pa.table({"row_id": row_ids}), task.run.path / SEEN)
