"""`heads.json`, written and read back; also reads what the retrieval-head project publishes.

heads = read_heads(Path("runs/heads-exact-1a2b3c4d/heads.json"))
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from workbench.circuits.heads import n_selected
from workbench.errors import InputError
from workbench.names import ABLATED
from workbench.types import HeadScore, HeadScores, ModelInfo

SCHEMA = 1


def heads_to_json(heads: HeadScores) -> dict[str, Any]:
    """The content of `heads.json`; what a control, a race or a consensus adds is left out else.

    `measure` says what every head's `value` is; `delta` is the same number under its first name.
    """
    content: dict[str, Any] = dataclasses.asdict(heads) | {"measure": measure_of(heads)}
    for head in content["heads"]:
        head["value"] = head["delta"]
    for field, of_head in (
        ("control", ("control_delta", "contrast")),
        ("search", ("n_samples", "basis")),
        ("robust", ("kept",)),
    ):
        if content[field] is None:
            del content[field]
            for head in content["heads"]:
                for name in of_head:
                    del head[name]
    return {"schema": SCHEMA, **content}


def measure_of(heads: HeadScores) -> str:
    """What the deltas are, in words."""
    if heads.method == "retrieval":
        return "retrieval score: share of the gold tokens that the head copies"
    if heads.robust is not None:
        return "loss increase in nats a token, mean over the settings"
    kind = heads.ablation.removesuffix("-causal")
    state = ABLATED[kind].state if kind in ABLATED else kind
    return f"loss increase in nats a token with the head {state}"


def read_heads(path: Path, *, fraction: float = 0.05) -> HeadScores:
    """Read `heads.json`, or `{"layer-head": [scores]}`, with its top `fraction` as circuit."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise InputError(
            f"no file {path}", expected="heads.json", do="run `workbench heads find`"
        ) from err
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as err:
        raise InputError(f"{path} cannot be read as JSON ({err})", expected="heads.json") from err
    try:
        if "schema" not in content:
            return _from_retrieval_heads(content, path, fraction)
        if content["schema"] != SCHEMA:
            raise InputError(f"{path} has schema {content['schema']}", expected=f"schema {SCHEMA}")
        return HeadScores(
            model=ModelInfo(**content["model"]),
            method=content["method"],
            probe=content["probe"],
            base_loss=content["base_loss"],
            n_samples=content["n_samples"],
            heads=tuple(_score(head) for head in content["heads"]),
            ablation=content["ablation"],
            rank_by=content.get("rank_by", "delta"),
            control=content.get("control"),
            search=content.get("search"),
            robust=content.get("robust"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as err:
        raise InputError(
            f"{path} is not a heads file ({type(err).__name__}: {err})",
            expected="the fields of heads.json",
            do="find the heads again with `workbench heads find`",
        ) from err


def _score(head: dict[str, Any]) -> HeadScore:
    return HeadScore(**{name: of for name, of in head.items() if name != "value"})


def _from_retrieval_heads(content: Any, path: Path, fraction: float) -> HeadScores:
    """Mean score of each `"layer-head"`; the file names no model, only a shape."""
    means: dict[tuple[int, int], float] = {}
    for key, scores in content.items():
        layer, head = key.split("-")
        means[int(layer), int(head)] = sum(map(float, scores)) / len(scores)
    order = sorted(means, key=lambda place: (-means[place], place))
    n_top = n_selected(len(order), fraction)
    heads = tuple(
        HeadScore(*place, means[place], means[place], means[place], rank, rank <= n_top)
        for rank, place in enumerate(order, start=1)
    )
    return HeadScores(
        model=ModelInfo(
            id=path.stem,
            revision=None,
            weights_sha256="",
            n_layers=1 + max(layer for layer, _ in means),
            n_heads=1 + max(head for _, head in means),
        ),
        method="retrieval",
        probe={"file": path.name},
        base_loss=0.0,
        n_samples=max(len(scores) for scores in content.values()),
        heads=tuple(sorted(heads, key=lambda h: (h.layer, h.head))),
    )
