"""A tuning as a run: interrupted in any way, its folder has the same bytes, and others load it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from tests.tuning.exports import steps_of_all, write_export, write_steps
from workbench.errors import InputError
from workbench.models import find_model, load_model, load_plain, render, weights_digest
from workbench.options import SpendOptions
from workbench.runs import RunSpec, list_runs, open_run, read_events
from workbench.stages import ModelSource, Place, run_tune
from workbench.tuning import StepsSource, StepWeights, TuneOptions, weights_in_words

pytest.importorskip("trl", reason="needs the extra `train`")

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = TuneOptions(max_steps=4, batch_size=4, lr=1e-2, lora=True, lora_rank=4)


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    return write_export(tmp_path_factory.mktemp("export") / "subset", format="messages")


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> StepsSource:
    folder = tmp_path_factory.mktemp("score-air-0000")
    return StepsSource(write_steps(folder / "steps.parquet", steps_of_all(3.0)))


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def done(source, export, steps, tmp_path_factory):
    """An unbroken, step-weighted tuning."""
    return run_tune(Place(tmp_path_factory.mktemp("runs")), source, export, OPTIONS, steps=steps)


def contents(run: Path) -> dict[str, bytes]:
    """Every file that is a result; the manifest and the events tell of times."""
    files = [*(run / "model").iterdir(), run / "curve.parquet", run / "tuning.json"]
    return {path.name: path.read_bytes() for path in files}


def interrupt_at(step: int):
    def tell(done, _total, _text):
        if done == step:
            raise KeyboardInterrupt

    return tell


def test_an_interrupted_tuning_ends_with_the_same_bytes(done, source, export, steps, tmp_path):
    how = {"steps": steps, "spend": SpendOptions(checkpoint_every=2)}
    with pytest.raises(KeyboardInterrupt):
        run_tune(Place(tmp_path, interrupt_at(3)), source, export, OPTIONS, **how)
    (left,) = list_runs(tmp_path)
    assert left.status == "interrupted"
    assert (left.path / "checkpoint.safetensors").is_file()

    first = []
    resumed = run_tune(
        Place(tmp_path, lambda n, *_: first.append(n)), source, export, OPTIONS, **how
    )
    assert first[0] == 2
    assert resumed.run.name == done.run.name
    assert contents(resumed.run) == contents(done.run)
    assert not (resumed.run / "checkpoint.safetensors").exists()
    assert not [path for path in resumed.run.rglob("*") if path.suffix in (".pt", ".bin", ".pkl")]


def test_a_finished_tuning_answers_at_once(done, source, export, steps, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    place = Place(done.run.parent)
    again = run_tune(place, source, export, OPTIONS, steps=steps)
    assert again.reused
    assert not done.reused
    assert again.summary == done.summary
    with pytest.raises(InputError, match=r"'trl'.*circuit-workbench\[train\]"):
        run_tune(place, source, export, TuneOptions(max_steps=1))


def test_the_folder_is_a_model_without_adapters(done, source, checkpoint, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setitem(sys.modules, "peft", None)
    folder = done.run / "model"
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= names
    assert not any("adapter" in name for name in names)
    model = AutoModelForCausalLM.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(checkpoint("llama"))
    assert set(model.state_dict()) == set(base.state_dict())
    assert model.config.to_dict() == {
        **base.config.to_dict(),
        "_name_or_path": model.config.to_dict().get("_name_or_path"),
    }
    tokenizer, old = (
        AutoTokenizer.from_pretrained(place) for place in (folder, checkpoint("llama"))
    )
    assert tokenizer.chat_template == old.chat_template
    assert tokenizer("1 + 1?")["input_ids"] == old("1 + 1?")["input_ids"]
    assert weights_digest(folder) != weights_digest(find_model(source.name)[0])


def test_the_workbench_loads_it_and_renders_as_before(done, tiny_model, samples):
    model = load_model(str(done.run / "model"), device="cpu")
    assert model.facts["self_check"]["effect"] > 0
    for sample in samples:
        assert render(sample, model.tokenizer).ids == render(sample, tiny_model.tokenizer).ids


def test_the_run_tells_what_was_done(done):
    summary = done.summary
    assert summary["data"]["counts"] == {"ok": 8}
    assert summary["data"]["weights"] == "file"
    assert summary["data"]["n_without_steps"] == 0
    assert 0 < summary["n_trained"] < summary["n_parameters"]
    assert summary["loss"]["n_steps"] == 4
    assert summary["loss"]["last"] < summary["loss"]["first"]
    curve = pq.read_table(done.run / "curve.parquet").to_pydict()
    assert curve["step"] == [1, 2, 3, 4]
    assert curve["loss"][0] == summary["loss"]["first"]
    last = read_events(done.run)
    assert last is not None
    assert (last.done, last.total, last.eta_seconds) == (4, 4, 0.0)
    manifest = json.loads((done.run / "manifest.json").read_text())
    assert manifest["counts"] == {"ok": 8}
    assert manifest["stage"] == "tune-lora"
    assert len(manifest["details"]["tokens"]["template_sha256"]) == 64
    assert manifest["parents"][0].startswith("score-air-0000")


def test_the_card_names_what_went_in(done, checkpoint):
    card = (done.run / "model" / "README.md").read_text(encoding="utf-8")
    lines = card.splitlines()
    assert f"# {checkpoint('llama').name}, tuned on subset" in lines
    for line in (
        "| trained | LoRA, rank 4, alpha 32, merged |",
        "| token weights | as in the steps file |",
        "| seed | 0 |",
        "| policy | top |",
        f"| first step | {done.summary['loss']['first']:.4f} |",
    ):
        assert line in lines
    assert done.summary["base"]["weights_sha256"] in card
    # Neither places on this machine nor text of the data go into it.
    assert str(checkpoint("llama").parent) not in card
    assert "What is" not in card


def test_another_question_is_another_run(done, source, export, steps):
    place = Place(done.run.parent / "other", interrupt_at(0))

    def name(options=OPTIONS, **more):
        before = set(place.runs.iterdir()) if place.runs.exists() else set()
        with pytest.raises(KeyboardInterrupt):
            run_tune(place, source, export, options, **more)
        (new,) = set(place.runs.iterdir()) - before
        return new.name

    assert name(steps=steps) == done.run.name
    name()
    name(steps=StepsSource(steps.path, StepWeights("softmax")))
    name(TuneOptions(max_steps=4, seed=1), steps=steps)


def test_all_weights_are_tuned_without_an_adapter(source, export, tmp_path):
    options = TuneOptions(max_steps=2, batch_size=8, lr=1e-3)
    outcome = run_tune(Place(tmp_path), source, export, options)
    summary = outcome.summary
    assert summary["n_trained"] == summary["n_parameters"]
    assert summary["data"]["weights"] == "plain"
    assert outcome.run.name.startswith("tune-full-")
    assert summary["loss"]["last"] < summary["loss"]["first"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("float16", "small gradients vanish in float16"), ("abacus", "the dtype is 'abacus'")],
)
def test_number_formats_that_do_not_train_are_refused(name, words, checkpoint, export, tmp_path):
    source = ModelSource(str(checkpoint("llama")), device="cpu", dtype=name)
    with pytest.raises(InputError, match=words):
        run_tune(Place(tmp_path / "runs"), source, export, OPTIONS)
    assert not (tmp_path / "runs").exists()


def test_the_rule_behind_the_weights_is_named(steps, tmp_path):
    recomputed = StepsSource(steps.path, StepWeights("softmax", temperature=0.5))
    assert recomputed.fingerprint()["rule"] == {"name": "softmax", "temperature": 0.5}
    assert weights_in_words(recomputed.fingerprint()) == "softmax, temperature 0.5"
    assert steps.fingerprint()["rule"] is None
    # A file in the run that made it: the run's manifest tells.
    config = {"weights": "top-fraction", "temperature": 1.0, "top": 0.25}
    with open_run(tmp_path, RunSpec("score-air", config, {}, result_name="steps.parquet")) as run:
        run.finish_table("steps.parquet", pq.read_table(steps.path))
    told = StepsSource(run.path / "steps.parquet").fingerprint()
    assert told["rule"] == {"name": "top-fraction", "top": 0.25}
    assert weights_in_words(told) == "as in the steps file (top-fraction, top 0.25)"


def test_adapters_of_bfloat16_weights_are_merged_in_bfloat16(checkpoint, export, tmp_path):
    source = ModelSource(str(checkpoint("llama")), device="cpu", dtype="bfloat16")
    outcome = run_tune(Place(tmp_path), source, export, OPTIONS)
    assert outcome.summary["loss"]["last"] < outcome.summary["loss"]["first"]
    model, _ = load_plain(str(outcome.run / "model"), dtype="bfloat16")
    assert json.loads((outcome.run / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    base, _ = load_plain(source.name, dtype="bfloat16")
    changed = [
        not torch.equal(one, other)
        for one, other in zip(model.parameters(), base.parameters(), strict=True)
    ]
    assert any(changed)


def test_a_model_tuned_without_its_template_renders_without_it(checkpoint, export, tmp_path):
    source = ModelSource(str(checkpoint("llama")), device="cpu", template="none")
    options = TuneOptions(max_steps=1, batch_size=2)
    outcome = run_tune(Place(tmp_path), source, export, options)
    assert outcome.summary["template"] == "none"
    _, tokenizer = load_plain(str(outcome.run / "model"))
    assert tokenizer.chat_template is None


@pytest.mark.parametrize("how", [{"quantize": "4bit"}, {"device_map": "auto"}])
def test_packed_or_spread_weights_are_refused(how, checkpoint, export, tmp_path):
    source = ModelSource(str(checkpoint("llama")), **how)
    with pytest.raises(InputError, match="spread over devices or packed, expected whole weights"):
        run_tune(Place(tmp_path), source, export, OPTIONS)


@pytest.mark.slow
def test_a_killed_tuning_ends_with_the_same_bytes(checkpoint, export, tmp_path):
    """Really killed, in the middle of it; then the same command again."""
    command = [
        *(sys.executable, "-m", "workbench.cli.main", "tune", "--export", str(export)),
        *("--model", str(checkpoint("llama")), "--device", "cpu", "--batch-size", "4"),
        *("--max-steps", "40", "--lr", "1e-3", "--checkpoint-every", "5", "--json"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def start(runs: Path) -> subprocess.Popen:
        where = [*command, "--runs", str(runs)]
        return subprocess.Popen(where, cwd=ROOT, env=environment, text=True, **pipes)

    def finish(process: subprocess.Popen) -> Path:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        return Path(json.loads(out)["run"])

    killed = start(tmp_path / "killed")
    deadline = time.monotonic() + 600
    while not list((tmp_path / "killed").glob("*/checkpoint.safetensors")):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (left,) = list_runs(tmp_path / "killed")
    assert left.status == "interrupted"
    resumed = finish(start(tmp_path / "killed"))
    unbroken = finish(start(tmp_path / "unbroken"))
    assert contents(resumed) == contents(unbroken)
