"""The loss increases of heads in the files of a run: tables of parts, and the rows they came from.

importance, control = read_importance(outcome.run)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.ablation import ImportanceBatch
from workbench.circuits import Importance
from workbench.errors import InputError, kind_of

RESULT = "heads.json"
DELTAS = "deltas.parquet"
CONTROL_DELTAS = "control_deltas.parquet"
CONTRIBUTIONS = "contributions.parquet"
RACED = "raced.parquet"
SEEN = "seen.parquet"


def deltas_table(measured: ImportanceBatch, row_ids: Sequence[str]) -> pa.Table:
    """`deltas` is the flat list of all heads, layer by layer."""
    return pa.table(
        {
            "position": pa.array(measured.indices, pa.int32()),
            "row_id": [row_ids[i] for i in measured.indices],
            "base_loss": measured.base_loss,
            "deltas": [row.ravel().tolist() for row in measured.deltas],
        }
    )


def read_deltas(paths: Sequence[Path], n_layers: int, n_heads: int) -> Importance:
    """The tables at `paths` together, in the order of the probe."""
    table = pa.concat_tables([pq.read_table(path) for path in paths]).sort_by("position")
    deltas = np.array(table["deltas"].to_pylist())
    return Importance(
        row_ids=tuple(table["row_id"].to_pylist()),
        base_loss=table["base_loss"].to_numpy(),
        deltas=deltas.reshape(len(deltas), n_layers, n_heads),
    )


def read_importance(folder: Path) -> tuple[Importance | None, Importance | None]:
    """Per-sample deltas of the heads run in `folder`, on its probe and its control probe.

    None for what the run does not hold: heads of another project come without samples.
    """
    if not (folder / DELTAS).is_file():
        return None, None
    try:
        shape = json.loads((folder / RESULT).read_text(encoding="utf-8"))["model"]
        size = (int(shape["n_layers"]), int(shape["n_heads"]))
        found = [
            read_deltas([folder / name], *size) if (folder / name).is_file() else None
            for name in (DELTAS, CONTROL_DELTAS)
        ]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise InputError(
            f"the deltas of {folder} cannot be read ({kind_of(err)})",
            expected="a run of `workbench heads find`",
        ) from err
    return found[0], found[1]


def read_contributions(folder: Path) -> Importance | None:
    """The same under mean ablation, where it ranks the heads run in `folder`; None without."""
    path = folder / CONTRIBUTIONS
    if not path.is_file():
        return None
    shape = json.loads((folder / RESULT).read_text(encoding="utf-8"))["model"]
    return read_deltas([path], int(shape["n_layers"]), int(shape["n_heads"]))


def read_raced(folder: Path) -> Importance | None:
    """The per-sample deltas of the race in `folder`, NaN where a head was not run; None without."""
    if not (folder / RACED).is_file():
        return None
    shape = json.loads((folder / RESULT).read_text(encoding="utf-8"))["model"]
    table = pq.read_table(folder / RACED)
    pieces = table.filter(pc.field("gradient") == False).to_pylist()  # noqa: E712 - an expression
    places = sorted({piece["position"] for piece in pieces})
    known = {piece["position"]: piece for piece in pieces}
    deltas = np.full((len(places), int(shape["n_layers"]) * int(shape["n_heads"])), np.nan)
    for piece in pieces:
        deltas[places.index(piece["position"]), piece["heads"]] = piece["deltas"]
    return Importance(
        row_ids=tuple(known[place]["row_id"] for place in places),
        base_loss=np.array([known[place]["base_loss"] for place in places]),
        deltas=deltas.reshape(len(places), int(shape["n_layers"]), int(shape["n_heads"])),
    )


def seen_rows(folder: Path) -> frozenset[str] | None:
    """Ids of the rows that the heads run in `folder` was found on, and of its control.

    None where the folder does not say: heads of another project come without samples.
    """
    tables = [folder / name for name in (DELTAS, CONTROL_DELTAS, RACED, SEEN)]
    found: set[str] = set()
    for path in tables:
        if path.is_file() and "row_id" in pq.read_schema(path).names:
            found |= set(pq.read_table(path, columns=["row_id"])["row_id"].to_pylist())
    return frozenset(found) if found else None
