"""What the stages of an amplification share: the rows they may see, the model, earlier results.

check_model_of(read_parent(pivots.result), source)
parent_of(mask_path, PIVOTS)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from workbench.amplification import (
    PlainNetwork,
    Problem,
    Where,
    draw_rows,
    parse_where,
    plain_network,
    problems_of,
)
from workbench.data import Tally, read_usable
from workbench.errors import InputError, kind_of
from workbench.models import ModelSource, TextModel
from workbench.options import RECOGNISED, ReadOptions
from workbench.runs import located, read_manifest
from workbench.types import Sample

PIVOTS, LOCALIZED = "pivots.parquet", "pivots.json"
MASK = "mask.json"


@dataclass(frozen=True)
class TaskData:
    """The data of a task, and how its rows are read."""

    names: tuple[str, ...]
    how: ReadOptions = RECOGNISED

    def samples(self, tally: Tally | None = None) -> list[Sample]:
        return read_usable(self.names, self.how, tally=tally)


def task_rows(
    data: TaskData,
    part: str,
    *,
    n: int,
    seed: int,
    where: Where | None,
    tally: Tally | None = None,
) -> list[Sample]:
    """Rows of the task in one part of the data."""
    return draw_rows(data.samples(tally), part, n=n, seed=seed, where=where)


def answerable_problems(
    model: TextModel,
    samples: Sequence[Sample],
    *,
    label: str | None,
    left_out: Counter[str] | None = None,
) -> list[Problem]:
    """The samples as problems; InputError if no answer can be checked."""
    problems = problems_of(model, samples, label=label, left_out=left_out)
    if not problems:
        raise InputError(
            f"none of the {len(samples)} rows has an answer that can be checked",
            expected="rows with a marked answer (####, boxed) or a column 'answer'",
            do="pass other data",
        )
    return problems


def network_of(source: ModelSource) -> PlainNetwork:
    """The checkpoint without hooks."""
    if source.device_map is not None or source.quantize is not None:
        raise InputError(
            "the weights are spread over devices or packed",
            expected="whole weights on one device",
            do="leave out --device-map and --quantize",
        )
    return plain_network(
        source.pinned,
        device=source.device,
        dtype=source.dtype,
        template=source.template,
        trust_remote_code=source.trust_remote_code,
    )


def read_parent(path: Path) -> dict[str, Any]:
    """The JSON result of an earlier stage."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
        return content
    except (OSError, ValueError) as err:
        raise InputError(
            f"'{path}' cannot be read ({kind_of(err)})",
            expected="the result of an earlier stage of `workbench amplify`",
            do="run that stage again, or pass its run folder",
        ) from err


def check_model_of(content: Mapping[str, Any], source: ModelSource) -> None:
    """Raise InputError unless `source` is the model that an earlier stage worked on."""
    expected = content.get("model", {}).get("weights_sha256", "")
    given = source.fingerprint()["weights_sha256"]
    if expected != given:
        raise InputError(
            f"the model '{source.name}' has weights {given[:12]}",
            expected=f"weights {expected[:12]}, with which the earlier stage was run",
            do="pass the same model, or run the earlier stages on this one",
        )


def where_of(localized: Mapping[str, Any]) -> Where | None:
    """Which rows are the task, as they were when its pivots were found."""
    return parse_where(localized["where"]) if localized["where"] else None


def data_of(result: Path) -> TaskData:
    """The data that a run's result was made from, read as then."""
    manifest = read_manifest(result.parent)
    details = manifest["details"]
    names = tuple(located(manifest, name) for name in details.get("data", []))
    return TaskData(names, ReadOptions(**details.get("how", {})))


def data_details(data: TaskData) -> dict[str, Any]:
    """The data for a manifest's details, as `data_of` reads it."""
    asked = data.how.asked
    return {"data": list(data.names), **({"how": asked} if asked else {})}


def require_peft() -> None:
    """InputError naming the extra unless LoRA can be had."""
    try:
        import_module("peft")
    except ImportError as err:
        raise InputError(
            f"LoRA needs the package 'peft', which cannot be imported ({err})",
            do="pip install circuit-workbench[train], or leave out the variant lora",
        ) from err


def parent_of(result: Path, name: str) -> Path:
    """The file `name` of the run that a run's result was made from, which lies beside it."""
    for parent in read_manifest(result.parent)["parents"]:
        if (path := result.parent.parent / parent / name).is_file():
            return path
    raise InputError(
        f"the run '{result.parent.name}' was made from a run with {name} that is not beside it",
        expected=f"both in '{result.parent.parent}'",
        do="run the earlier stages again with the same --runs",
    )
