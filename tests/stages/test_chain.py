"""The whole chain, from rows to a smaller dataset that says how it came about."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from workbench.data import read_samples
from workbench.errors import InputError
from workbench.scoring import ScoreRequest, spearman
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    SelectOptions,
    ValidateOptions,
    read_probe,
    read_scores,
    run_export,
    run_heads,
    run_probe,
    run_score,
    run_select,
    run_validate,
)
from workbench.types import Sample

N_ROWS = 60
SELECT = SelectOptions("soft", fraction=0.25, adjust="length", group_by="topic", seed=5)


def write_data(path: Path, *, n_rows: int = N_ROWS) -> Path:
    rows = [
        {
            "id": f"sum-{i}",
            "problem": f"Tom has {i} {'pens' if i % 3 else 'cups'} and gets {i % 7}"
            + "!" * (i // 2),
            "solution": f"{i} + {i % 7} = {i + i % 7}",
            "level": i % 5,
            "topic": "pens" if i % 3 else "cups",
        }
        for i in range(n_rows)
    ]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chain(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    data, place = write_data(folder / "sums.jsonl"), Place(folder / "runs")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    probe = run_probe(place, source, [str(data)], ProbeOptions(n=8))
    heads = run_heads(place, source, probe.result, HeadsOptions(fraction=0.1, min_heads=2))
    validation = run_validate(
        place,
        source,
        heads.result,
        [str(data)],
        ValidateOptions(n=10, random=5),
        control=(),
        exclude=frozenset(s.row_id for s in read_probe(probe.result).samples),
    )
    options = ScoreRequest.of("circuitseer", variant="excess", drop_sink=True, with_loss=True)
    scores = run_score(place, source, [str(data)], options, heads_path=heads.result)
    selection = run_select(place, scores.result, SELECT)
    out = folder / "subset"
    report = run_export(place, selection.result, out, format="messages")
    return SimpleNamespace(**locals())


def provenance(out: Path) -> dict:
    return json.loads((out / "provenance.json").read_text(encoding="utf-8"))


def test_the_probe_has_the_rows_of_highest_loss(chain):
    scores = read_scores(chain.scores.result).set_index("row_id")["loss"]
    probe = read_probe(chain.probe.result)
    losses = [scores[sample.row_id] for sample in probe.samples]
    assert losses == pytest.approx(probe.losses, abs=1e-4)
    assert min(losses) >= scores.drop([s.row_id for s in probe.samples]).max() - 1e-4


def test_the_circuit_is_the_costliest_heads(chain):
    heads = chain.heads.summary["heads"]
    assert len(heads) == 12
    chosen = [h["delta"] for h in heads if h["selected"]]
    assert len(chosen) == 2
    assert min(chosen) >= max(h["delta"] for h in heads if not h["selected"])


def test_the_validation_is_of_that_circuit_on_other_rows(chain):
    report = chain.validation.summary
    heads = chain.heads.summary["heads"]
    assert sorted(report["heads"]) == [[h["layer"], h["head"]] for h in heads if h["selected"]]
    assert report["n_samples"] == 10
    assert len(report["random"]["loss"]) == 5


def test_the_summary_of_the_scores_says_how_far_they_follow_length(chain):
    frame = read_scores(chain.scores.result)
    summary = chain.scores.summary
    assert summary["counts"] == {"malformed": 1, "ok": N_ROWS}
    assert set(summary["labels"]) == {"level", "loss"}
    rows = {row["score"]: row for row in summary["correlations"]}
    assert rows["excess_no_sink"]["length"] == spearman(frame["score"], frame["n_tokens"])
    assert rows["paper"]["level"] == spearman(frame["paper"], frame["level"])


def test_the_selection_spreads_over_the_groups_of_the_data(chain):
    report = chain.selection.summary
    assert report["n_selected"] == 15
    groups = {part["name"]: part["n_after"] for part in report["groups"]}
    assert groups == {"cups": 5, "pens": 10}


def test_adjusted_for_length_the_draw_goes_by_the_percentile(chain):
    options = SelectOptions("top", n=5, adjust="length")
    chosen = run_select(chain.place, chain.scores.result, options)
    frame = read_scores(chain.scores.result).sort_values("score_within_length")
    rows = pd.read_parquet(chosen.result).set_index("row_id")
    # Rows of equal percentile may stand for one another.
    percentiles = frame.set_index("row_id")["score_within_length"]
    assert sorted(percentiles[rows.index]) == percentiles.dropna().iloc[-5:].tolist()
    raw = run_select(chain.place, chain.scores.result, SelectOptions("top", n=5))
    assert set(pd.read_parquet(raw.result)["row_id"]) == set(
        frame.dropna(subset="score").sort_values("score")["row_id"].iloc[-5:]
    )


def test_the_export_holds_the_selected_rows_and_reads_back(chain):
    selected = pd.read_parquet(chain.selection.result).set_index("row_id")
    rows = list(read_samples([str(chain.out / chain.report["data_file"])]))
    assert all(isinstance(row, Sample) for row in rows)
    assert {row.row["_row_id"] for row in rows} == set(selected.index)
    originals = {row.row_id: row for row in read_samples([str(chain.data)])}
    for row in rows:
        mark = selected.loc[row.row["_row_id"]]
        original = originals[row.row["_row_id"]]
        assert (row.row["_score"], row.row["_rank"]) == (mark["score"], mark["rank"])
        assert (row.prompt, row.completion) == (original.prompt, original.completion)
        assert row.row["level"] == original.row["level"]


def test_the_provenance_names_everything_the_rows_depend_on(chain):
    record = provenance(chain.out)
    model = chain.heads.summary["model"]
    circuit = sorted(
        (h for h in chain.heads.summary["heads"] if h["selected"]), key=lambda h: h["rank"]
    )
    expected = {
        "model": model["id"],
        "revision": None,
        "weights_sha256": model["weights_sha256"],
        "circuit": [f"{h['layer']}.{h['head']}" for h in circuit],
        "method": "circuitseer",
        "variant": "excess",
        "drop_sink": True,
        "part": "prompt",
        "policy": "soft",
        "adjust": "length",
        "temperature": 1.0,
        "group_by": "topic",
        "budget": {"fraction": 0.25},
        "seed": 5,
    }
    assert {name: record[name] for name in expected} == expected
    assert set(record["stages"]) == {"select", "score", "heads", "probe"}
    assert record["stages"]["score"]["inputs"]["data"][0]["sha256"]
    card = (chain.out / "README.md").read_text(encoding="utf-8")
    assert "| method | circuitseer |" in card
    assert "| policy | soft |" in card


def test_the_provenance_names_no_place_and_no_time(chain, tmp_path):
    text = (chain.out / "provenance.json").read_text(encoding="utf-8")
    assert str(chain.folder) not in text
    assert str(Path(chain.source.name).parent) not in text
    run_export(chain.place, chain.selection.result, tmp_path / "subset", format="messages")
    assert (tmp_path / "subset" / "provenance.json").read_text(encoding="utf-8") == text


def test_settings_that_a_method_does_not_read_are_not_claimed(chain, tmp_path):
    scores = run_score(chain.place, chain.source, [str(chain.data)], ScoreRequest.of("loss"))
    selection = run_select(chain.place, scores.result, SelectOptions("top", tokens=200))
    run_export(chain.place, selection.result, tmp_path / "out")
    record = provenance(tmp_path / "out")
    assert record["variant"] is record["drop_sink"] is record["circuit"] is None
    assert record["part"] == "completion"
    assert record["temperature"] is None
    assert record["budget"] == {"tokens": 200}


def test_a_stage_asked_again_is_answered_by_its_run(chain):
    probe = run_probe(chain.place, chain.source, [str(chain.data)], ProbeOptions(n=8))
    heads = run_heads(
        chain.place, chain.source, probe.result, HeadsOptions(fraction=0.1, min_heads=2)
    )
    selection = run_select(chain.place, chain.scores.result, SELECT)
    assert [probe.reused, heads.reused, selection.reused] == [True] * 3
    assert [heads.run, selection.run] == [chain.heads.run, chain.selection.run]


@pytest.fixture
def scored(chain, tmp_path):
    """Scores of data that a test may spoil."""
    data = write_data(tmp_path / "sums.jsonl", n_rows=20)
    scores = run_score(
        Place(tmp_path / "runs"), chain.source, [str(data)], ScoreRequest.of("length")
    )
    return SimpleNamespace(data=data, scores=scores, place=Place(tmp_path / "runs"))


def test_data_that_has_changed_since_it_was_scored_is_refused(scored, tmp_path):
    selection = run_select(scored.place, scored.scores.result, SelectOptions("top", n=3))
    write_data(scored.data, n_rows=19)
    with pytest.raises(InputError, match=r"has changed since it was scored, .* score it again"):
        run_export(scored.place, selection.result, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    grouped = SelectOptions("top", n=3, group_by="topic")
    with pytest.raises(InputError, match="has changed since it was scored"):
        run_select(scored.place, scored.scores.result, grouped)


def test_data_that_has_moved_is_named_with_data(scored, tmp_path):
    selection = run_select(scored.place, scored.scores.result, SelectOptions("top", n=3))
    moved = scored.data.rename(tmp_path / "moved.jsonl")
    with pytest.raises(InputError, match="no data at"):
        run_export(scored.place, selection.result, tmp_path / "out")
    report = run_export(scored.place, selection.result, tmp_path / "out", data=[str(moved)])
    assert report["counts"]["selected"] == 3


def test_a_selection_without_its_score_run_asks_for_the_data(scored, tmp_path):
    selection = run_select(scored.place, scored.scores.result, SelectOptions("top", n=3))
    alone = selection.result.rename(tmp_path / "selection.parquet")
    with pytest.raises(InputError, match=r"its score run is gone.*--data"):
        run_export(scored.place, alone, tmp_path / "out")
    run_export(scored.place, alone, tmp_path / "out", data=[str(scored.data)])
    assert provenance(tmp_path / "out")["stages"] == {}


def test_a_column_that_the_data_lacks_cannot_be_grouped_by(scored):
    with pytest.raises(InputError, match=r"no column 'colour' in .*sums.jsonl"):
        run_select(scored.place, scored.scores.result, SelectOptions("top", n=3, group_by="colour"))
