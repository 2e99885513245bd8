"""A circuit that someone has chosen from finished heads: by another cut, by hand, by a rule.

    outcome = run_chosen(Place(Path("runs")), heads_path, [(0, 3), (1, 1)], by="hand")

Nothing is measured anew. What was measured is kept beside it, so that a validation still leaves out
the rows that the heads were found on.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection
from pathlib import Path

from workbench.circuits import heads_to_json, read_heads
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.names import head_name
from workbench.runs import (
    FACTS,
    Finding,
    Outcome,
    Place,
    RunSpec,
    Task,
    answer,
    located,
    read_manifest,
)
from workbench.stages.heads.deltas import CONTRIBUTIONS, CONTROL_DELTAS, DELTAS, RACED, RESULT, SEEN
from workbench.types import HeadScores

BESIDE = (DELTAS, CONTROL_DELTAS, CONTRIBUTIONS, RACED, SEEN, FACTS)


def run_chosen(
    place: Place, heads_path: Path, chosen: Collection[tuple[int, int]], *, by: str
) -> Outcome:
    """The heads at `heads_path` with `chosen` (layer, head) as circuit, as a run of their own.

    `by` says how they were chosen. Raises InputError for no head, or one that the model lacks.
    """
    heads, origin = read_heads(heads_path), heads_path.parent
    found = with_circuit(heads, chosen)
    manifest = read_manifest(origin)
    model = manifest["model"]
    content = heads_to_json(
        dataclasses.replace(found, probe={**heads.probe, "chosen_from": origin.name, "by": by})
    )
    spec = RunSpec(
        "heads-chosen",
        config={"heads": sorted(head_name(*head) for head in set(chosen)), "by": by},
        inputs={"heads": file_digest(heads_path), "model": manifest["inputs"].get("model")},
        result_name=RESULT,
        parents=(origin.name, *manifest["parents"]),
        model={**model, "id": located(manifest, model["id"])} if model else None,
        details={"tokens": tokens} if (tokens := manifest["details"].get("tokens")) else {},
    )

    def work(task: Task) -> Finding:
        for name in BESIDE:
            if (origin / name).is_file():
                shutil.copyfile(origin / name, task.run.path / name)
        return Finding(content, counts={"ok": len(set(chosen))})

    return answer(place, spec, work)


def with_circuit(heads: HeadScores, chosen: Collection[tuple[int, int]]) -> HeadScores:
    """The same heads with just `chosen` selected."""
    wanted = set(chosen)
    if lost := wanted - {(h.layer, h.head) for h in heads.heads}:
        raise InputError(
            f"there is no head {', '.join(head_name(*head) for head in sorted(lost))}",
            expected=f"a head of {heads.model.n_layers} layers of {heads.model.n_heads}",
        )
    if not wanted:
        raise InputError("the circuit has no heads", expected="at least one head")
    marked = (dataclasses.replace(h, selected=(h.layer, h.head) in wanted) for h in heads.heads)
    return dataclasses.replace(heads, heads=tuple(marked))
