"""The loss on rows that are not trained on: the network's own, and of no row of the export."""

from __future__ import annotations

import json

import pytest
import torch

from tests.tuning.exports import ROWS, write_export
from workbench.data import to_sample, write_jsonl
from workbench.errors import InputError
from workbench.models import load_plain
from workbench.options import ReadOptions
from workbench.stages import ModelSource, Place, plan_tune, run_tune
from workbench.tuning import HeldOut, TuneOptions, held_out_loss, make_examples

pytest.importorskip("trl", reason="needs the extra `train`")
OTHERS = [{"id": f"other-{i}", "problem": f"{i} - {i}?", "solution": "0"} for i in range(3)]


def test_the_loss_is_the_networks_own_whatever_shares_a_batch(checkpoint):
    model, tokenizer = load_plain(str(checkpoint("llama")))
    samples = [to_sample(row, i, "x") for i, row in enumerate(ROWS[:3])]
    rows = make_examples(samples, tokenizer, n_ctx=96).rows
    total, n = 0.0, 0
    for row in rows:
        labels = [t if c else -100 for t, c in zip(row.ids, row.is_target, strict=True)]
        found = model(input_ids=torch.tensor([row.ids]), labels=torch.tensor([labels]))
        total += float(found.loss.detach()) * row.n_targets
        n += row.n_targets
    model.train()
    for size in (1, 2, 8):
        loss = held_out_loss(model, rows, batch_size=size, pad_id=0)
        assert loss == pytest.approx(total / n, rel=1e-5)
    assert model.training


def test_a_tuning_measures_other_rows_before_and_after(checkpoint, tmp_path):
    export, data = write_export(tmp_path / "subset"), tmp_path / "others.jsonl"
    write_jsonl(data, [*ROWS[:2], *OTHERS])
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    options = TuneOptions(max_steps=2, batch_size=4, lr=1e-2)
    place, held_out = Place(tmp_path / "runs"), HeldOut((str(data),))
    done = run_tune(place, source, export, options, held_out=held_out)
    found = done.summary["eval"]
    assert (found["counts"], found["data"]) == ({"ok": 3, "trained": 2}, [str(data)])
    assert found["loss_before"] != found["loss_after"]
    assert f"{found['loss_after']:.4f}" in (done.run / "model" / "README.md").read_text()
    manifest = json.loads((done.run / "manifest.json").read_text())
    assert manifest["inputs"]["eval"][0]["name"] == "others.jsonl"
    tuned = load_plain(str(done.run / "model"))
    rows = held_out.examples(make_examples(samples(), tuned[1], n_ctx=96), tuned[1], 96).rows
    assert held_out_loss(tuned[0], rows, batch_size=4, pad_id=0) == pytest.approx(
        found["loss_after"], rel=1e-4
    )


def test_a_row_that_is_trained_on_is_known_by_its_tokens_and_not_by_its_id(checkpoint, tmp_path):
    tokenizer = load_plain(str(checkpoint("llama")))[1]
    trained = make_examples(samples(), tokenizer, n_ctx=96, end_token=False)
    data = tmp_path / "others.jsonl"
    write_jsonl(data, [ROWS[0] | {"id": "again"}, OTHERS[0] | {"id": ROWS[1]["id"]}, {"id": "x"}])
    held_out = HeldOut((str(data),))
    found = held_out.examples(trained, tokenizer, 96, end_token=False)
    assert [row.row_id for row in found.rows] == [ROWS[1]["id"]]
    assert found.counts == {"malformed": 1, "ok": 1, "trained": 1}
    write_jsonl(data, ROWS[:2])
    with pytest.raises(InputError, match="all 2 rows of the data to evaluate on are trained on"):
        held_out.examples(trained, tokenizer, 96, end_token=False)


def test_a_plan_counts_the_passes_over_other_rows_before_and_after(checkpoint, tmp_path):
    export, data = write_export(tmp_path / "subset"), tmp_path / "others.jsonl"
    write_jsonl(data, OTHERS)
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    options = TuneOptions(max_steps=2, batch_size=2)
    plan = plan_tune(source, export, options, held_out=HeldOut((str(data),)))
    assert (plan["forward_passes"], plan["backward_passes"], plan["eval_samples"]) == (6, 2, 3)
    assert (plan["read"]["rows"], plan["read_eval"]["rows"]) == (len(ROWS), len(OTHERS))


def test_columns_of_the_rows_to_measure_on_are_named_and_what_is_read_is_kept(checkpoint, tmp_path):
    export, data = write_export(tmp_path / "subset"), tmp_path / "others.jsonl"
    write_jsonl(data, [{"id": "a", "asked": "1 + 1?", "said": "2", "cot": "one and one"}])
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    how = ReadOptions(prompt_column="asked", completion_column="said")
    read = []
    place = Place(tmp_path / "runs", on_read=read.append)
    options = TuneOptions(max_steps=1, batch_size=2)
    done = run_tune(place, source, export, options, held_out=HeldOut((str(data),), how))
    kept = json.loads((done.run / "manifest.json").read_text())["details"]["read_eval"]
    assert kept["shapes"]["columns"]["not_read"] == ["cot"]
    assert read[-1]["rows"] == kept["rows"] == 1


def samples():
    return [to_sample(row, i, "x") for i, row in enumerate(ROWS)]
