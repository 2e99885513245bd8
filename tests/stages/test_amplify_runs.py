"""An amplification as runs, on a model of which one head was weakened by hand.

The mask must find that head, the update must mend it and touch nothing else, and whatever is
interrupted must go on to the same bytes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.amplification.damaged import COLUMNS, WEIGHT, write_damaged, write_rows
from tests.support.planted_pair import FIRST, write_pair
from workbench.amplification import (
    TEST,
    MaskOptions,
    UpdateOptions,
    answers_of,
    draw_rows,
    parse_where,
    part_of,
    plain_network,
    problems_of,
    read_pivots,
)
from workbench.data import read_usable
from workbench.errors import InputError
from workbench.runs import read_manifest
from workbench.stages import (
    LocalizeOptions,
    ModelSource,
    Place,
    ReportOptions,
    run_localize,
    run_mask,
    run_report,
    run_update,
)

# Hot enough for a model that is sure of its wrong answers to be right now and then.
LOCALIZING = LocalizeOptions(
    n=60, n_samples=6, hot=2.0, cool=2.0, where="level=1", max_new_tokens=6
)
MASKING = MaskOptions(l1=0.3, lr=0.05, epochs=12)
UPDATING = UpdateOptions(steps=10, lrs=(1e-3,), every=5, validation_n=30)
REPORTING = ReportOptions(n=40, n_other=20, text_n=0, retrieval_n=2, controls=("random", "lora"))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("amplify")
    write_damaged(folder / "damaged")
    write_rows(folder / "pairs.jsonl", 240)
    return folder


def source_in(home: Path) -> ModelSource:
    return ModelSource(str(home / "damaged"), device="cpu")


@pytest.fixture(scope="module")
def made(home):
    """The three stages in `home/runs`, made once."""
    place, source, data = Place(home / "runs"), source_in(home), [str(home / "pairs.jsonl")]
    pivots = run_localize(place, source, data, LOCALIZING)
    mask = run_mask(place, source, pivots.run / "pivots.parquet", MASKING)
    update = run_update(place, source, mask.result, UPDATING)
    return {"pivots": pivots, "mask": mask, "update": update}


@pytest.fixture(scope="module")
def report(home, made):
    return run_report(Place(home / "runs"), source_in(home), [made["update"].result], REPORTING)


def accuracy_on_test(home: Path, model: Path) -> float:
    """Held-out problems of the task, answered by the model in a folder."""
    samples = read_usable([str(home / "pairs.jsonl")])
    network = plain_network(str(model))
    rows = draw_rows(samples, TEST, n=1000, seed=0, where=parse_where(LOCALIZING.where))
    right = answers_of(network, problems_of(network, rows), max_new_tokens=6)[1]
    return sum(right) / len(right)


def test_pivots_are_where_the_weakened_head_decides(made, home):
    summary, rows = made["pivots"].summary, read_pivots(made["pivots"].run / "pivots.parquet")
    assert summary["n_pivots"] >= 10
    assert 0.1 < summary["greedy_right"] < 0.9
    assert summary["counts"] == {
        status: sum(row["status"] == status for row in rows) for status in summary["counts"]
    }
    answers = {s.row_id: s.row["answer"] for s in read_usable([str(home / "pairs.jsonl")])}
    found = [row for row in rows if row["status"] == "ok"]
    for row in found:
        assert part_of(row["row_id"]) == "localize"
        assert row["label"] == "1"
        assert row["desired"] != row["undesired"]
        text = row["shared_text"] + row["right_text"]
        assert text.startswith(answers[row["row_id"]])
    first = [row for row in found if row["n_shared"] == 0]
    assert len(first) > 0.5 * len(found)


def test_the_mask_finds_the_weakened_head(made):
    """By its queries: nothing else at the last prefix token steers what the head looks at."""
    summary = made["mask"].summary
    assert list(FIRST) in summary["kept"]["query"]
    assert summary["n_kept"] <= 0.01 * (3 * 16 + 2 * 192)
    assert summary["difference_after"] > summary["difference_before"] + 0.5
    assert summary["warnings"] == []


def test_the_update_restores_the_answers(made, home):
    update = made["update"]
    whole = accuracy_on_test(home, write_pair(home / "whole"))
    before = accuracy_on_test(home, home / "damaged")
    after = accuracy_on_test(home, update.run / "model")
    assert before < whole - 0.2
    assert after > whole - 0.05
    assert update.summary["validation"]["after"] > update.summary["validation"]["before"]
    assert update.summary["best"]["step"] > 0


def test_every_byte_but_the_named_rows_is_the_same(made, home):
    old, new = home / "damaged", made["update"].run / "model"
    before, after = (load_file(folder / "model.safetensors") for folder in (old, new))
    kept = made["mask"].summary["kept"]
    assert set(before) == set(after)
    for name, weight in before.items():
        allowed = torch.zeros(weight.shape, dtype=torch.bool)
        for kind, places in kept.items():
            for layer, index in places:
                start = ("query", "key", "value", "neuron").index(kind) * 48 + index * 6
                if kind == "neuron" and name == f"transformer.h.{layer}.mlp.c_fc.weight":
                    allowed[:, index] = True
                elif kind != "neuron" and name == f"transformer.h.{layer}.attn.c_attn.weight":
                    allowed[:, start : start + 6] = True
        assert torch.equal(weight[~allowed], after[name][~allowed])
    assert not torch.equal(before[WEIGHT][:, COLUMNS], after[WEIGHT][:, COLUMNS])
    # Outside the values of these weights the files are the same too: headers, order, padding.
    sizes = [path.stat().st_size for path in (old / "model.safetensors", new / "model.safetensors")]
    assert sizes[0] == sizes[1]
    for path in old.iterdir():
        if path.name not in ("model.safetensors", "README.md"):
            assert path.read_bytes() == (new / path.name).read_bytes()


def test_the_card_says_what_was_changed(made):
    text = (made["update"].run / "model" / "README.md").read_text(encoding="utf-8")
    counts = made["mask"].summary["counts"]
    assert "arXiv 2512.16914" in text
    assert f"L{FIRST[0]}H{FIRST[1]}" in text
    assert str(sum(counts.values())) in text
    assert "every other byte" in text


def test_every_manifest_says_how_rows_became_tokens(made, report):
    runs = [outcome.run for outcome in (*made.values(), report)]
    said = [read_manifest(run)["details"]["tokens"] for run in runs]
    assert all(tokens == said[0] for tokens in said)
    assert said[0]["template"] == "none"
    assert len(said[0]["template_sha256"]) == len(said[0]["tokenizer_sha256"]) == 64


def test_a_finished_stage_answers_again(made, home):
    place, source, data = Place(home / "runs"), source_in(home), [str(home / "pairs.jsonl")]
    again = run_localize(place, source, data, LOCALIZING)
    assert (again.reused, again.run) == (True, made["pivots"].run)
    again = run_update(place, source, made["mask"].result, UPDATING)
    assert (again.reused, again.summary) == (True, made["update"].summary)
    other = run_localize(place, source, data, LocalizeOptions(n=4, n_samples=1, seed=1))
    assert other.run != made["pivots"].run


class StoppedError(Exception):
    """Someone pulled the plug."""


def stopping_at(words: str):
    def tell(_done: int, _total: int, text: str) -> None:
        if text.startswith(words):
            raise StoppedError

    return tell


def test_interrupted_stages_go_on_to_the_same_bytes(made, home, tmp_path):
    runs, source = tmp_path / "runs", source_in(home)
    shutil.copytree(made["pivots"].run, runs / made["pivots"].run.name)
    pivots = runs / made["pivots"].run.name / "pivots.parquet"
    with pytest.raises(StoppedError):
        run_mask(Place(runs, stopping_at("epoch 3,")), source, pivots, MASKING)
    seen: list[str] = []
    place = Place(runs, lambda _done, _total, text: seen.append(text))
    mask = run_mask(place, source, pivots, MASKING)
    assert not any(text.startswith(("epoch 1,", "epoch 2,", "epoch 3,")) for text in seen)
    assert mask.result.read_bytes() == made["mask"].result.read_bytes()
    with pytest.raises(StoppedError):
        run_update(Place(runs, stopping_at("step 8 ")), source, mask.result, UPDATING)
    seen.clear()
    update = run_update(place, source, mask.result, UPDATING)
    assert "step 5 of size 0.001" not in seen
    assert "step 6 of size 0.001" in seen
    weights = [o.run / "model" / "model.safetensors" for o in (made["update"], update)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert update.summary == made["update"].summary
    assert not list(runs.rglob("checkpoint*"))


def test_the_report_holds_the_update_against_its_controls(report, made):
    content, update = report.summary, made["update"].summary
    assert set(content["variants"]) == {"mask", "random", "lora"}
    gain = content["gains"]["mask"]["task"]
    assert gain["low"] <= gain["mean"] <= gain["high"]
    assert gain["mean"] > 0.2
    assert content["against"]["random"]["mean"] > 0.2
    assert content["gains"]["mask"]["other"]["n_problems"] == 20
    assert set(content["base"]["levels"]) == {"1", "2"}
    assert content["base"]["text_loss"] is None
    # Its context of 32 tokens holds no key-value document, which is told and not measured.
    assert content["base"]["retrieval"]["n"] == 0
    assert content["base"]["retrieval"]["reason"]
    assert content["masks"][0]["n_kept"] == update["n_components"]
    assert all(part_of(problem["row_id"]) == "test" for problem in content["problems"])
    page = report.result.with_suffix(".html").read_text(encoding="utf-8")
    assert "Fewer than three seeds" in page
    random = content["variants"]["random"][0]
    assert random["n_components"] == update["n_components"]


def test_an_interrupted_report_keeps_what_it_measured(report, made, home, monkeypatch):
    import workbench.stages.amplify.report as stage

    place, source = Place(home / "runs"), source_in(home)
    options = ReportOptions(n=10, n_other=0, text_n=0, retrieval_n=0, controls=("random",))
    measure, asked = stage.measure, []

    def measured(name, *rest, **how):
        asked.append(Path(name).parent.name)
        if len(asked) == 2:
            raise StoppedError
        return measure(name, *rest, **how)

    monkeypatch.setattr(stage, "measure", measured)
    updates = [made["update"].result]
    with pytest.raises(StoppedError):
        run_report(place, source, updates, options)
    outcome = run_report(place, source, updates, options)
    assert not outcome.reused
    # The base model is measured once, the update a second time, the random control perhaps.
    assert asked.count(home.name) == 1
    assert json.loads((outcome.run / "measured-base.json").read_text())["right"]


def test_a_report_takes_masked_updates_of_the_same_model(made, home, tmp_path, checkpoint):
    place, source = Place(home / "runs"), source_in(home)
    control = run_update(place, source, made["mask"].result, UpdateOptions("random", steps=1))
    with pytest.raises(InputError, match="variant 'random', expected masked updates"):
        run_report(place, source, [control.result], REPORTING)
    other = ModelSource(str(checkpoint("gpt2")), device="cpu")
    with pytest.raises(InputError, match="pass the same model"):
        run_report(place, other, [made["update"].result], REPORTING)
    with pytest.raises(InputError, match="pass the same model"):
        run_mask(place, other, made["pivots"].run / "pivots.parquet", MASKING)
    with pytest.raises(InputError, match="no update is named"):
        run_report(place, source, [], REPORTING)


def test_a_mask_that_keeps_nothing_is_told_in_words(made, home, tmp_path):
    runs, source = home / "runs", source_in(home)
    options = MaskOptions(l1=50.0, lr=0.3, epochs=3)
    mask = run_mask(Place(runs), source, made["pivots"].run / "pivots.parquet", options)
    assert mask.summary["n_kept"] == 0
    with pytest.raises(InputError, match="smaller --l1"):
        run_update(Place(runs), source, mask.result, UPDATING)


def test_the_parents_must_lie_beside_a_mask(made, home, tmp_path):
    alone = tmp_path / "alone" / made["mask"].run.name
    shutil.copytree(made["mask"].run, alone)
    with pytest.raises(InputError, match=r"pivots\.parquet that is not beside it"):
        run_update(Place(tmp_path), source_in(home), alone / "mask.json", UPDATING)


def test_a_model_that_normalises_queries_is_warned_of(made, home, tmp_path, monkeypatch):
    import workbench.stages.amplify.mask as stage

    monkeypatch.setattr(stage, "has_normalised_queries", lambda model: True)
    pivots = made["pivots"].run / "pivots.parquet"
    mask = run_mask(Place(tmp_path), source_in(home), pivots, MaskOptions(epochs=1))
    (warning,) = mask.summary["warnings"]
    assert "query and key masks mean little" in warning
