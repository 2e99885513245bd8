"""A pool out of its parts has the bytes and the summary of the whole table at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.runs import TableStream
from workbench.runs.files import write_table_file, write_table_stream
from workbench.scoring import (
    SCORERS,
    ScoreRequest,
    over_pool,
    pool,
    pool_of,
    summarize,
    summarize_columns,
)
from workbench.scoring.tables import row_frame

N_PART = 50


def records(method, start: int, rng: np.random.Generator) -> list[dict]:
    """Rows of a part: some too short, some without a label; every seventh of the first is bad."""
    rows = []
    for i in range(start, start + N_PART):
        is_ok = i % 11 > 0 and not (start == 0 and i % 7 == 0)
        numbers = dict.fromkeys(("score", *method.columns), None)
        if is_ok:
            numbers = {name: float(rng.integers(0, 9)) / 7 for name in numbers}
        rows.append(
            {
                "row_id": f"row-{i * 7919 % 1000}é",
                "row_index": i,
                "source": "pool.jsonl",
                "n_tokens": int(rng.integers(2, 30)),
                "n_tokens_row": 40,
                "status": "ok" if is_ok else "too_short",
                "reason": "" if is_ok else f"{i % 3} tokens",
                "row_sha256": None if start == N_PART and i % 2 else f"{i:032x}",
                "level": None if i % 4 == 0 else float(i % 5),
                "digit_share": rng.random() if is_ok else None,
                **numbers,
            }
        )
    return rows


@pytest.fixture(params=["length", "aslec-casl", "circuitseer"])
def made(request, tmp_path):
    method, rng = SCORERS[request.param], np.random.default_rng(0)
    frames = [row_frame(records(method, start, rng), method) for start in range(0, 200, N_PART)]
    paths = [tmp_path / f"{i:05d}.parquet" for i in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        write_table_file(path, pa.Table.from_pandas(frame, preserve_index=False))
    return method, pd.concat(frames, ignore_index=True), paths, tmp_path


def test_the_table_has_the_bytes_of_the_whole_and_the_summary_is_the_same(made):
    method, frame, paths, folder = made
    whole = over_pool(frame, method)
    write_table_file(folder / "whole", pa.Table.from_pandas(whole, preserve_index=False))
    found = pool_of(paths, method, aside=folder / "aside")
    write_table_stream(folder / "streamed", TableStream(found.schema, found.tables()))
    assert (folder / "streamed").read_bytes() == (folder / "whole").read_bytes()
    request = ScoreRequest.of(method.name)
    told = summarize_columns(
        found.scored,
        request,
        n_ctx=96,
        counts=found.counts,
        reasons=found.reasons,
        facts=found.facts,
    )
    assert told == summarize(whole, request, n_ctx=96)
    assert {row["score"] for row in told["correlations"]} >= {"score_within_length"}


def test_a_group_of_rows_is_as_long_however_the_parts_are_cut(made, monkeypatch):
    method, frame, paths, folder = made
    monkeypatch.setattr(pool, "GROUP_ROWS", 70)
    monkeypatch.setattr(pool, "ASIDE_ROWS", 60)
    found = pool_of(paths, method, aside=folder / "aside")
    tables = list(found.tables())
    assert list(map(len, tables)) == [70, 70, 60]
    together = pa.concat_tables(tables).to_pandas()
    pd.testing.assert_frame_equal(together, over_pool(frame, method))
    assert pq.ParquetFile(folder / "aside").num_row_groups == 2


def test_a_pool_without_any_score_has_a_table_all_the_same(tmp_path):
    method = SCORERS["length"]
    rows = records(method, 0, np.random.default_rng(0))
    for row in rows:
        row |= {"status": "malformed", "score": None}
    path = tmp_path / "00000.parquet"
    frame = row_frame(rows, method)
    write_table_file(path, pa.Table.from_pandas(frame, preserve_index=False))
    found = pool_of([path], method, aside=tmp_path / "aside")
    assert found.counts == {"malformed": N_PART}
    (table,) = found.tables()
    assert table["score_within_length"].null_count == N_PART
