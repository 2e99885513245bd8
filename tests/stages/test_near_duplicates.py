"""Near duplicates from the data to the card: texts are found by id and content, and counted."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.runs import read_manifest
from workbench.scoring import ScoreRequest
from workbench.stages import (
    ModelSource,
    Place,
    SelectOptions,
    plan_select,
    read_scores,
    run_export,
    run_score,
    run_select,
)

DISTINCT = SelectOptions("top", fraction=0.5, near_duplicates=0.8)


def rows_of(n_rows: int = 20) -> list[dict]:
    """Each even row's text is the odd row's behind it too, which has one sign more."""
    said = [" ".join(f"{i // 2}{letter}" for letter in "abcdefghijkl") for i in range(n_rows)]
    return [
        {"id": f"r{i}", "question": "?" * (i % 2) + text, "answer": str(i // 2)}
        for i, text in enumerate(said)
    ]


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def scored(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("near")
    data, place = write(folder / "rows.jsonl", rows_of()), Place(folder / "runs")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    scores = run_score(place, source, [str(data)], ScoreRequest.of("length"))
    return SimpleNamespace(data=data, place=place, scores=scores.result)


def test_of_two_rows_that_are_nearly_the_same_the_policys_first_stays(scored):
    done = run_select(scored.place, scored.scores, DISTINCT)
    chosen = pd.read_parquet(done.result)["row_id"]
    score = read_scores(scored.scores).set_index("row_id")["score"]
    pairs = {int(row_id[1:]) // 2 for row_id in chosen}
    assert len(chosen) == len(pairs) == 5
    for row_id in chosen:
        other = f"r{int(row_id[1:]) ^ 1}"
        assert score[row_id] > score[other]
    near = done.summary["near_duplicates"]
    assert (near["left_out"], near["stay_for_them"], near["likeness"]) == (10, 10, 0.8)
    assert done.summary["n_pool"] == 10
    assert read_manifest(done.run)["counts"] == {"ok": 5, "near_duplicate": 10}
    plan = plan_select(scored.scores, DISTINCT)
    assert (plan["rows"], plan["rows_selected"]) == (10, 5)


def test_the_texts_are_found_by_id_and_content_wherever_they_stand(scored, tmp_path):
    right = run_select(scored.place, scored.scores, DISTINCT)
    data = write(tmp_path / "rows.jsonl", [{"question": "new?", "answer": "1"}, *rows_of()[::-1]])
    turned = run_select(scored.place, scored.scores, DISTINCT, data=[str(data)])
    assert turned.run != right.run
    assert turned.result.read_bytes() == right.result.read_bytes()
    again = run_select(Place(tmp_path / "runs"), scored.scores, DISTINCT, data=[str(scored.data)])
    assert again.result.read_bytes() == right.result.read_bytes()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{**row, "question": "other"} for row in rows_of()], "20 of 20 scored rows have another"),
        (rows_of()[:15], "5 of 20 scored rows are not in the data"),
    ],
)
def test_data_that_are_not_what_was_scored_are_refused(scored, tmp_path, rows, words):
    data = write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(InputError, match=words):
        run_select(scored.place, scored.scores, DISTINCT, data=[str(data)])


def test_card_and_provenance_say_how_many_were_left_out(scored, tmp_path):
    done = run_select(scored.place, scored.scores, DISTINCT)
    run_export(scored.place, done.result, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "duplicates | 0.8 |" in card
    assert "| near duplicates left out | 10 |" in card
    record = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert (record["near_duplicates"], record["near duplicates left out"]) == (0.8, 10)


def test_a_selection_that_did_not_ask_has_the_name_and_the_bytes_that_it_had(scored, tmp_path):
    plain = run_select(scored.place, scored.scores, SelectOptions("top", fraction=0.5))
    assert "near_duplicates" not in read_manifest(plain.run)["config"]
    assert "near_duplicates" not in plain.summary
    run_export(scored.place, plain.result, tmp_path / "out")
    assert "near" not in (tmp_path / "out" / "provenance.json").read_text(encoding="utf-8")
