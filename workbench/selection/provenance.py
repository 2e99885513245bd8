"""How a selection came about: the runs behind it, and the data and scores that they read.

chain = stages_behind(selection_path, Path("runs"))
provenance_of(chain)["method"], scored_data(chain.get("score"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data import fingerprint_sources
from workbench.errors import InputError, first_line
from workbench.options import RECOGNISED, ReadOptions
from workbench.runs import is_refused, located, read_manifest, without_place
from workbench.scoring import SCORERS, exported_names, exported_options
from workbench.selection.distinct import NEAR
from workbench.selection.row_places import RowPlaces
from workbench.selection.rows import ScoreOf, numbers_of
from workbench.selection.tables import read_scores

SCORES = "scores.parquet"
# Options that are named where they were asked for.
ASKED = ("quota", "max_per_group", "near_duplicates")


def stages_behind(selection_path: Path, runs: Path) -> dict[str, Any]:
    """Stage to manifest, from the selection back to the probe, as far as the runs still exist.

    Where several scores were joined, further runs of a stage are `score#2` and so on.

    A parent lies beside its child, or under `runs`. InputError if the system lets one not be read.
    """
    chain: dict[str, Any] = {}
    queue, known = [selection_path.parent], set[Path]()
    while queue:
        folder = queue.pop(0)
        if folder in known:
            continue
        known.add(folder)
        try:
            manifest = read_manifest(folder)
        except InputError as err:
            if is_refused(err):
                raise
            continue
        stage = manifest["stage"].partition("-")[0]
        n_others = sum(name.partition("#")[0] == stage for name in chain)
        chain[f"{stage}#{n_others + 1}" if n_others else stage] = {**manifest, "run": folder.name}
        for name in manifest["parents"]:
            beside = folder.parent / name
            queue.append(beside if beside.is_dir() else runs / name)
    return chain


def provenance_of(chain: Mapping[str, Any]) -> dict[str, Any]:
    """What an export says about its making: the settings by name, then every stage in full.

    Times and places are left out, so that the same selection gives the same bytes anywhere.
    InputError for manifests that hold what no run writes.
    """
    with _as_written(chain.values()):
        return _provenance_of(chain)


@contextmanager
def _as_written(manifests: Iterable[Mapping[str, Any]]) -> Iterator[None]:
    """InputError in place of what following a manifest raises that holds what no run writes."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise InputError(
            f"the manifests of the runs {', '.join(str(m.get('run')) for m in manifests)} cannot "
            f"be followed ({type(err).__name__}: {first_line(err)})",
            expected="what the runs wrote",
            do="run the stages again",
        ) from err


def _provenance_of(chain: Mapping[str, Any]) -> dict[str, Any]:
    chosen, score = chain.get("select"), chain.get("score")
    return {
        **(_score_settings(score) if score else {}),
        **(_combined(chosen) if chosen else {}),
        **(_select_settings(chosen) if chosen else {}),
        "stages": {stage: _without_places(manifest) for stage, manifest in chain.items()},
    }


def _score_settings(score: Mapping[str, Any]) -> dict[str, Any]:
    config, model = score["config"], without_place(score["model"])
    method = config["method"]
    return {
        "model": model["id"],
        "revision": model["revision"],
        "weights_sha256": model["weights_sha256"],
        "template": (score["details"].get("tokens") or {}).get("template"),
        "circuit": score["details"].get("circuit"),
        "idle": score["details"].get("idle"),
        "follows": score["details"].get("follows"),
        "method": method,
        # Runs of version 0.1 leave the part out where it is the method's own.
        "part": config.get("part") or SCORERS[method].part,
        **exported_options(method, config),
    }


def _combined(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The method of a selection by several scores: what is told of the first alone is untrue."""
    methods = chosen["details"].get("combined")
    if not methods:
        return {}
    of_one = dict.fromkeys(("part", "circuit", "idle", "follows", *exported_names()))
    return {**of_one, "method": f"{chosen['config']['combine']} of {', '.join(methods)}"}


def _select_settings(chosen: Mapping[str, Any]) -> dict[str, Any]:
    config, left_out = chosen["config"], chosen["counts"].get(NEAR)
    # How many; which ones, the record of the stage says.
    by_hand = {
        f"rows {done} by hand": len(config[name])
        for name, done in (("keep", "kept"), ("drop", "dropped"))
        if config.get(name)
    }
    return {
        "policy": config["policy"],
        "adjust": config["adjust"],
        "temperature": config["temperature"] if config["policy"] == "soft" else None,
        "group_by": config["group_by"],
        "budget": {k: config[k] for k in ("fraction", "n", "tokens") if config[k] is not None},
        "seed": config["seed"],
        **{name: config[name] for name in ASKED if config.get(name)},
        **({} if left_out is None else {"near duplicates left out": left_out}),
        **by_hand,
    }


def _without_places(manifest: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("run", "stage", "config", "inputs", "versions", "parents", "counts")
    return {**{k: manifest[k] for k in kept}, "model": without_place(manifest["model"])}


def scored_as(score: Mapping[str, Any] | None) -> ReadOptions:
    """How the scored data was read, where columns were named."""
    return ReadOptions.of(score["config"]) if score else RECOGNISED


def is_scored_data(score: Mapping[str, Any] | None, found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `found`, the fingerprint of some sources, is of the very files that were scored."""
    before, now = (sorted(map(_content_of, files)) for files in (scored_files(score), found))
    return bool(before) and before == now and "" not in before


def _content_of(file: Mapping[str, Any]) -> str:
    """What tells the rows of a source: its bytes, or the part of a hub's dataset and its commit."""
    revision = file.get("revision")
    return str(file["sha256"] or (revision and f"{file['name']}@{revision}") or "")


def scored_files(score: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The fingerprint of the data that was scored; empty where that is not known."""
    if score is None:
        return []
    with _as_written([score]):
        files = list(score["inputs"]["data"])
        return [{**file, "name": file["name"], "sha256": file["sha256"]} for file in files]


def scored_data(score: Mapping[str, Any] | None) -> list[str]:
    """The sources that were scored, provided that they are still what they were."""
    if score is None:
        raise InputError(
            "the scored data of this selection is not known (its score run is gone)",
            do="pass it with --data",
        )
    with _as_written([score]):
        sources = [located(score, name) for name in score["details"]["data"]]
    if fingerprint_sources(sources) != scored_files(score):
        raise InputError(
            f"the data {', '.join(sources)} has changed since it was scored",
            expected="the same files",
            do="score it again, or pass the old data with --data",
        )
    return sources


def pool_behind(
    selection_path: Path,
    runs: Path,
    chain: Mapping[str, Any],
    *,
    read: Callable[[Path], pd.DataFrame] = read_scores,
) -> pd.DataFrame | None:
    """The scores that were selected from, as `read` gives them, if their run still exists."""
    if "score" not in chain:
        return None
    name, beside = chain["score"]["run"], selection_path.parents[1]
    folder = beside / name if (beside / name).is_dir() else runs / name
    # Scores combined of several tables lie beside the selection that was drawn from them.
    own = selection_path.with_name(SCORES)
    try:
        return read(own if own.is_file() else folder / SCORES)
    except InputError:
        return None


def scores_of(pool: pd.DataFrame) -> ScoreOf:
    """The score of every row of a pool that has one."""
    kept = pool.loc[pool["status"] == "ok", ["row_id", "score"]]
    return ScoreOf(RowPlaces.of(pd.Series(kept["row_id"])), numbers_of(pd.DataFrame(kept), "score"))
