"""`heads.json`, written and read back; also reads what the retrieval-head project publishes.

heads = read_heads(Path("runs/heads-exact-1a2b3c4d/heads.json"))
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from workbench.circuits.size import n_selected
from workbench.errors import InputError
from workbench.names import ABLATED
from workbench.types import HeadScore, HeadScores, ModelInfo

SCHEMA = 1
LARGEST, LARGEST_COUNT = 1e30, 10**9
KINDS = {
    "method": str,
    "probe": dict,
    "base_loss": float,
    "n_samples": int,
    "heads": list,
    "ablation": str,
    "rank_by": str,
    "control": dict,
    "search": dict,
    "robust": dict,
}
MODEL_KINDS = {
    **dict.fromkeys(("id", "revision", "weights_sha256", "config_sha256"), str),
    "n_layers": int,
    "n_heads": int,
}
NUMBERS = "delta ci_low ci_high stability control_delta contrast contribution sink_share kept"
HEAD_KINDS = {
    **dict.fromkeys(("layer", "head", "rank"), int),
    **dict.fromkeys(("selected", "idle"), bool),
    **dict.fromkeys(NUMBERS.split(), float),
    "basis": str,
    "n_samples": float,
}
CONSENSUS_KINDS = {
    **dict.fromkeys(("keep", "overlap", "strict_by_chance"), float),
    **dict.fromkeys(("settings", "strict", "majority", "idle"), list),
}
SETTING_KINDS = {
    **dict.fromkeys(("run", "ablation", "count"), str),
    "data": list,
    "n_circuit": int,
    "seed": float,  # of any size
}
"""What is in each field; None, where a field may be without a value, is for the records to say."""


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
    except (ValueError, RecursionError, OSError) as err:
        raise InputError(f"{path} cannot be read as JSON ({err})", expected="heads.json") from err
    try:
        if "schema" not in content:
            return _from_retrieval_heads(content, path, fraction)
        if content["schema"] != SCHEMA:
            raise InputError(f"{path} has schema {content['schema']}", expected=f"schema {SCHEMA}")
        _check_kinds(content)
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
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as err:
        raise InputError(
            f"{path} is not a heads file ({type(err).__name__}: {err})",
            expected="the fields of heads.json",
            do="find the heads again with `workbench heads find`",
        ) from err


def _check_kinds(content: dict[str, Any]) -> None:
    """ValueError or TypeError where a field holds what no run writes there."""
    model, heads = content["model"], content["heads"]
    for of, kinds in ((content, KINDS), (model, MODEL_KINDS), *((h, HEAD_KINDS) for h in heads)):
        for name, kind in kinds.items():
            if name in of and not _is_kind(of[name], kind):
                raise ValueError(f"{name} is {str(of[name])[:80]!r}")
    if content.get("robust") is not None:
        _check_consensus(content["robust"], heads)
    shape = (model["n_layers"], model["n_heads"])
    places = [(head["layer"], head["head"]) for head in heads]
    if not heads or len(set(places)) < len(places) or not all(_inside(p, shape) for p in places):
        raise ValueError(f"{len(heads)} heads do not fit {shape[0]} layers x {shape[1]} heads")


def _check_consensus(robust: dict[str, Any], heads: list[dict[str, Any]]) -> None:
    """The same of a consensus, where nothing but a seed and a contribution may be unknown."""
    for of, kinds in (
        (robust, CONSENSUS_KINDS),
        *((one, SETTING_KINDS) for one in robust["settings"]),
        *((head, {"kept": float, "contribution": float}) for head in heads),
    ):
        for name, kind in kinds.items():
            is_unknown = of[name] is None and name in ("seed", "contribution")
            if not is_unknown and (of[name] is None or not _is_kind(of[name], kind)):
                raise ValueError(f"{name} is {str(of[name])[:80]!r}")
    texts = [robust[name] for name in ("strict", "majority", "idle")]
    texts += [one["data"] for one in robust["settings"]]
    if not all(isinstance(text, str) for some in texts for text in some):
        raise ValueError("a list of names of its consensus holds something else")


def _is_kind(value: Any, kind: type | None) -> bool:
    """Whether a value is of a kind; numbers are finite, of a size that any sum of them has too."""
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value is None or (number and abs(value) < LARGEST)
    if kind is int:
        return type(value) is int and 0 <= value < LARGEST_COUNT
    return kind is None or value is None or isinstance(value, kind)


def _inside(place: tuple[int, int], shape: tuple[int, int]) -> bool:
    return place[0] < shape[0] and place[1] < shape[1]


def _score(head: dict[str, Any]) -> HeadScore:
    return HeadScore(**{name: of for name, of in head.items() if name != "value"})


def _from_retrieval_heads(content: Any, path: Path, fraction: float) -> HeadScores:
    """Mean score of each `"layer-head"`; the file names no model, only a shape."""
    means: dict[tuple[int, int], float] = {}
    for key, scores in content.items():
        layer, head = key.split("-")
        means[int(layer), int(head)] = sum(map(float, scores)) / len(scores)
    if not all(0 <= p < LARGEST_COUNT for place in means for p in place) or not all(
        abs(mean) < LARGEST for mean in means.values()
    ):
        raise ValueError("a layer, a head or a score is no number of a usual size")
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
