"""Data that changes between stages: rows are joined by id and content, never by their place."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from workbench.data import row_content
from workbench.errors import InputError
from workbench.scoring import ScoreRequest
from workbench.selection import columns_of
from workbench.stages import (
    ModelSource,
    Place,
    SelectOptions,
    read_scores,
    run_export,
    run_score,
    run_select,
)

GROUPED = SelectOptions("top", n=8, group_by="topic")


def rows_of(n_rows: int = 24) -> list[dict]:
    return [
        {"id": f"r{i}", "question": f"{i} + 1?" + "!" * i, "answer": str(i), "topic": "ab"[i < 16]}
        for i in range(n_rows)
    ]


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scored(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("changed")
    data, place = write(folder / "rows.jsonl", rows_of()), Place(folder / "runs")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    scores = run_score(place, source, [str(data)], ScoreRequest.of("length"))
    return SimpleNamespace(data=data, place=place, scores=scores.result, source=source)


def topics(selection: Path) -> dict[str, int]:
    ids = pd.read_parquet(selection)["row_id"]
    return {t: sum(rows_of()[int(i[1:])]["topic"] == t for i in ids) for t in "ab"}


def exported(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]


def test_rows_in_another_order_are_grouped_by_their_own_columns(scored, tmp_path):
    right = run_select(scored.place, scored.scores, GROUPED)
    turned = write(tmp_path / "rows.jsonl", rows_of()[::-1])
    other = run_select(scored.place, scored.scores, GROUPED, data=[str(turned)])
    assert right.result.read_bytes() == other.result.read_bytes()
    assert topics(right.result) == {"a": 3, "b": 5}


def test_a_selection_by_other_files_has_a_name_of_its_own(scored, tmp_path):
    right = run_select(scored.place, scored.scores, GROUPED)
    turned = write(tmp_path / "rows.jsonl", rows_of()[::-1])
    assert run_select(scored.place, scored.scores, GROUPED, data=[str(turned)]).run != right.run
    moved = write(tmp_path / "moved.jsonl", rows_of())
    again = run_select(scored.place, scored.scores, GROUPED, data=[str(moved)])
    assert (again.run, again.reused) == (right.run, True)


def test_a_finished_selection_does_not_answer_for_changed_groups(scored, tmp_path):
    run_select(scored.place, scored.scores, GROUPED)
    changed = [{**row, "topic": "a"} for row in rows_of()]
    data = write(tmp_path / "rows.jsonl", changed)
    with pytest.raises(InputError, match=r"16 of 24 scored rows have another content .*'r0'"):
        run_select(scored.place, scored.scores, GROUPED, data=[str(data)])


def test_scored_rows_that_the_data_lacks_are_counted(scored, tmp_path):
    data = write(tmp_path / "rows.jsonl", rows_of()[2:])
    with pytest.raises(InputError, match=r"2 of 24 scored rows are not in the data .*'r0'"):
        run_select(scored.place, scored.scores, GROUPED, data=[str(data)])


def test_rows_that_were_not_scored_change_no_groups(scored, tmp_path):
    data = write(tmp_path / "rows.jsonl", [{**rows_of()[0], "id": "new"}, *rows_of()])
    other = run_select(scored.place, scored.scores, GROUPED, data=[str(data)])
    assert topics(other.result) == {"a": 3, "b": 5}


@pytest.mark.parametrize("form", ["subset", "repeat-weight"])
def test_an_export_refuses_texts_changed_under_the_same_ids(scored, tmp_path, form):
    chosen = run_select(scored.place, scored.scores, SelectOptions("top", n=3))
    rows = rows_of()
    rows[23]["answer"] = "changed"
    data = write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(InputError, match=r"1 of \d+ scored rows have another content .*'r23'"):
        run_export(scored.place, chosen.result, tmp_path / "out", data=[str(data)], form=form)
    assert not (tmp_path / "out").exists()


def test_of_a_whole_pool_every_row_that_has_a_score_is_checked(scored, tmp_path):
    chosen = run_select(scored.place, scored.scores, SelectOptions("top", n=3))
    data = write(tmp_path / "rows.jsonl", [{**rows_of()[0], "answer": "?"}, *rows_of()[1:]])
    run_export(scored.place, chosen.result, tmp_path / "out", data=[str(data)])
    with pytest.raises(InputError, match=r"1 of 24 scored rows have another content .*'r0'"):
        run_export(
            scored.place, chosen.result, tmp_path / "all", data=[str(data)], form="repeat-weight"
        )


def test_an_export_of_other_files_names_them(scored, tmp_path):
    chosen = run_select(scored.place, scored.scores, SelectOptions("top", n=3))
    turned = write(tmp_path / "turned.jsonl", rows_of()[::-1])
    for data, name in ((scored.data, "same"), (turned, "other")):
        run_export(scored.place, chosen.result, tmp_path / name, data=[str(data)])
    kept, other = exported(tmp_path / "same"), exported(tmp_path / "other")
    assert kept == other[::-1]
    assert {row["_row_id"]: row["answer"] for row in kept} == {
        f"r{i}": str(i) for i in (21, 22, 23)
    }
    records = [
        json.loads((tmp_path / name / "provenance.json").read_text()) for name in ("same", "other")
    ]
    assert "data" not in records[0]
    assert [file["name"] for file in records[1]["data"]] == ["turned.jsonl"]


def without_content(scores: Path, tmp_path: Path) -> Path:
    """The table as an earlier version wrote it, beside its manifest."""
    run = tmp_path / "runs" / scores.parent.name
    run.mkdir(parents=True)
    manifest = json.loads((scores.parent / "manifest.json").read_text(encoding="utf-8"))
    for key in ("files", "seal"):
        del manifest[key]
    (run / "manifest.json").write_text(json.dumps(manifest))
    read_scores(scores).drop(columns="row_sha256").to_parquet(run / "scores.parquet", index=False)
    return run / "scores.parquet"


def test_scores_of_an_earlier_version_go_with_the_files_that_were_scored(scored, tmp_path):
    old, place = without_content(scored.scores, tmp_path), Place(tmp_path / "runs")
    moved = write(tmp_path / "moved.jsonl", rows_of())
    assert topics(run_select(place, old, GROUPED, data=[str(moved)]).result) == {"a": 3, "b": 5}
    turned = write(tmp_path / "turned.jsonl", rows_of()[::-1])
    with pytest.raises(InputError, match="24 of 24 scored rows were scored by a version that kept"):
        run_select(place, old, GROUPED, data=[str(turned)])


def test_rows_without_ids_of_their_own_are_known_by_their_hash(scored, tmp_path):
    rows = [{k: v for k, v in row.items() if k != "id"} for row in rows_of()]
    place, data = Place(tmp_path / "new"), write(tmp_path / "rows.jsonl", rows)
    scores = run_score(place, scored.source, [str(data)], ScoreRequest.of("length"))
    old = without_content(scores.result, tmp_path)
    turned = write(tmp_path / "turned.jsonl", rows[::-1])
    found = run_select(Place(tmp_path / "runs"), old, GROUPED, data=[str(turned)])
    right = run_select(place, scores.result, GROUPED)
    assert pd.read_parquet(found.result)["row_id"].tolist() == (
        pd.read_parquet(right.result)["row_id"].tolist()
    )


def test_data_that_grows_while_it_is_scored_is_noticed(scored, tmp_path):
    data = write(tmp_path / "rows.jsonl", rows_of())

    def append(done, total, text):
        write(data, rows_of(30))

    place = Place(tmp_path / "runs", append)
    with pytest.raises(InputError, match="was changed while the run read it"):
        run_score(place, scored.source, [str(data)], ScoreRequest.of("length"))
    # The name is that of the rows as they were: with these back, the run gives their scores.
    write(data, rows_of())
    again = run_score(
        Place(tmp_path / "runs"), scored.source, [str(data)], ScoreRequest.of("length")
    )
    frame = read_scores(again.result)
    assert frame["row_id"].tolist() == [row["id"] for row in rows_of()]


def test_a_part_of_other_rows_is_made_again(scored, tmp_path):
    """Changed while a run was interrupted, and changed back: its parts are of the other rows."""
    data, request = write(tmp_path / "rows.jsonl", rows_of()), ScoreRequest.of("length")
    place = Place(tmp_path / "runs")
    fresh = run_score(place, scored.source, [str(data)], request)
    bytes_of, part = fresh.result.read_bytes(), fresh.run / "parts" / "00000.parquet"
    table = pd.read_parquet(part).assign(score=1.0)
    table.loc[0, "row_sha256"] = "0" * 32
    table.to_parquet(part, index=False)
    fresh.result.unlink()
    again = run_score(place, scored.source, [str(data)], request)
    assert not again.reused
    assert again.result.read_bytes() == bytes_of


def test_scores_that_are_no_table_are_refused_beside_data_too(tmp_path):
    (tmp_path / "scores.parquet").write_text("nonsense")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        run_select(Place(tmp_path), tmp_path / "scores.parquet", GROUPED, data=("gsm8k",))


def test_columns_read_from_the_data_hold_one_object_of_a_text(scored, tmp_path):
    n_rows = 4_000
    rows = [
        {"text": f"{i} is it.", "id": f"r{i}", "topic": f"topic {i % 2}"} for i in range(n_rows)
    ]
    scores = pd.DataFrame({"row_id": [row["id"] for row in rows], "status": "ok"})
    data = [str(write(tmp_path / "rows.jsonl", rows))]
    scores["row_sha256"] = [row_content(row) for row in rows]
    columns_of(scores[:0], scored.scores, data, ["topic"])
    tracemalloc.start()
    try:
        found = columns_of(scores, scored.scores, data, ["topic"])["topic"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.tolist() == [row["topic"] for row in rows]
    assert peak / n_rows < 300
