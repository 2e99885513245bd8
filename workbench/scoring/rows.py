"""Which rows of a dataset are scored, and what is said of the others; the plan and the work ask it.

    checked = check_rows(rows, request, engine.model)
    checked.records[0]["status"], checked.usable[0].rendered

A row that cannot be scored keeps its place with a status and a reason: `malformed`, `too_short`,
`truncated` (longer than the model's context, so it would have to be cut) or `failed`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from workbench.data import LABELS, label_number, row_content
from workbench.models import Model, Rendered, UnrenderableError, render
from workbench.scoring.method import Method, window_tokens
from workbench.scoring.request import ScoreRequest
from workbench.scoring.text_facts import facts_of
from workbench.types import BadRow, Sample


class Usable(NamedTuple):
    """A row that is scored, its place among the rows, and the lengths it is run at."""

    place: int
    sample: Sample
    rendered: Rendered
    lengths: list[int]


@dataclass(frozen=True)
class CheckedRows:
    """A record for every row, as in the scores table but for the score, and the rows to score."""

    records: list[dict[str, Any]]
    usable: list[Usable]


def check_rows(rows: Sequence[Sample | BadRow], request: ScoreRequest, model: Model) -> CheckedRows:
    """Render the rows and decide which of them the request can score."""
    records: list[dict[str, Any]] = []
    usable: list[Usable] = []
    for place, row in enumerate(rows):
        records.append(_record(row))
        if isinstance(row, BadRow):
            continue
        try:
            rendered = render(row, model.tokenizer)
        except UnrenderableError as err:
            records[-1] |= {"status": "malformed", "reason": str(err)}
            continue
        n_tokens = window_tokens(rendered, request.scored_part)
        records[-1] |= {"n_tokens": n_tokens, "n_tokens_row": len(rendered.ids)}
        lengths = run_lengths(rendered, request, model.n_ctx)
        status, reason = _status(row, rendered, request, max(lengths, default=0), model.n_ctx)
        records[-1] |= {"status": status, "reason": reason}
        if status == "ok":
            records[-1] |= facts_of(row, rendered)
            usable.append(Usable(place, row, rendered, lengths))
    return CheckedRows(records, usable)


def run_lengths(rendered: Rendered, request: ScoreRequest, n_ctx: int) -> list[int]:
    """Tokens of the sequences a row is scored on, that of the added loss last."""
    own = request.method.sequences(rendered, request.scored_part, n_ctx)
    return [*own, len(rendered.ids)] if request.adds_loss else own


def _record(row: Sample | BadRow) -> dict[str, Any]:
    record: dict[str, Any] = {
        "row_id": row.row_id,
        "row_index": row.row_index,
        "source": row.source,
        "n_tokens": 0,
        "n_tokens_row": 0,
        "score": None,
        "status": "ok",
        "reason": "",
        "row_sha256": None,
    }
    if isinstance(row, BadRow):
        return {**record, "status": "malformed", "reason": row.reason}
    labels = {name: label_number(row.row.get(name)) for name in LABELS}
    return {**record, "row_sha256": row_content(row.row), **labels}


def _status(
    sample: Sample, rendered: Rendered, request: ScoreRequest, longest: int, n_ctx: int
) -> tuple[str, str]:
    """`ok` or what is wrong, and the reason."""
    if longest > n_ctx:
        return "truncated", f"{longest} tokens do not fit the model's context of {n_ctx}"
    reason = request.method.too_short(sample, rendered, request, n_ctx)
    return ("too_short", reason) if reason else ("ok", "")


def put_score(record: dict[str, Any], columns: Mapping[str, float], method: Method) -> None:
    """Write what was found into the record of a row; a score that is no number has failed."""
    record |= {name: v if math.isfinite(v) else None for name, v in columns.items()}
    if record["score"] is None:
        record |= {"status": "failed", "reason": _why_failed(columns, method)}


def _why_failed(columns: Mapping[str, float], method: Method) -> str:
    column, what = method.divisor or ("", "")
    if columns.get(column) == 0:
        return f"the {what} is 0, so the score would divide by it"
    return "the score is not a finite number"
