"""Everything in a model's folder that a number depends on is in the fingerprint, and nothing else.

Which files are read is asked of the interpreter (its audit events), not of a list.
"""

import json
import shutil
import sys
from datetime import datetime

import pytest

from tests.support.checkpoints import TEMPLATE
from tests.support.rows import samples_of
from workbench.bundled import bundled_dir
from workbench.errors import InputError
from workbench.models import ModelSource, find_model, load_model, model_fingerprint, render
from workbench.models.inputs import LEGACY, TODAY
from workbench.scoring import ScoreRequest
from workbench.stages import Place, run_score

FIXED = {"weights_sha256", "config.json_sha256", "tokenizer.json_sha256"}
DATED = "{%- if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}\n{% endif %}" + TEMPLATE
STRANGE = {
    "README.md": "words",
    "heads.json": "{}",
    "vocab.json": "{}",
    "merges.txt": "",
    "tokenizer.model": "",
    "processor_config.json": "{}",
    "training_args.bin": "",
    **dict.fromkeys(LEGACY, "{}"),
    "additional_chat_templates/tool.jinja": "",
}


@pytest.fixture
def folder(checkpoint, tmp_path):
    return shutil.copytree(checkpoint("llama"), tmp_path / "model")


def prints(folder, **how):
    return ModelSource(str(folder), device="cpu", **how).fingerprint()


def put(folder, name, text):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def change_json(path, **values):
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


OPENED: set[str] = set()
WATCHED: list[str] = []


def _watch(event, arguments):
    if event == "open" and WATCHED and str(arguments[0]).startswith(WATCHED[0]):
        OPENED.add(str(arguments[0])[len(WATCHED[0]) + 1 :])


@pytest.fixture(scope="session")
def audit():
    # An audit hook cannot be taken off again; it watches nothing while the list is empty.
    sys.addaudithook(_watch)


def test_every_file_that_loading_opens_is_in_the_fingerprint(folder, audit):
    for name, text in STRANGE.items():
        put(folder, name, text)
    OPENED.clear()
    WATCHED.append(str(folder))
    try:
        load_model(str(folder), device="cpu")
    finally:
        WATCHED.clear()
    before = prints(folder)
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= OPENED
    for name in OPENED - {"model.safetensors", "generation_config.json", "config.json"}:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text + " ", encoding="utf-8")
        assert prints(folder) != before, name
        path.write_text(text, encoding="utf-8")
    assert prints(folder) == before


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_a_file_that_is_not_read_makes_no_other_run(folder, name):
    """Or else it is read, and a run of its own."""
    before, score = prints(folder), scored(folder)
    put(folder, name, STRANGE[name])
    if prints(folder) == before:
        assert scored(folder) == score


def scored(folder):
    request = ScoreRequest.of("loss")
    data = [str(folder.parent / "rows.jsonl")]
    rows = [{"question": f"{i} + 1?", "answer": str(i + 1)} for i in range(3)]
    (folder.parent / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    runs = folder.parent / f"runs-{len(list(folder.parent.glob('runs-*')))}"
    found = run_score(Place(runs), ModelSource(str(folder), device="cpu"), data, request)
    return found.result.read_bytes()


def test_stop_ids_of_generation_config_make_another_run_only_where_they_say_something(folder):
    path, before = folder / "generation_config.json", prints(folder)
    assert "stop_ids" not in before
    change_json(path, transformers_version="0", temperature=0.3)
    assert prints(folder) == before
    change_json(path, eos_token_id=[1, 7])
    assert prints(folder)["stop_ids"] == [1, 7]
    path.unlink()
    assert prints(folder) == before


def test_an_index_that_leaves_out_a_shard_makes_another_run(folder):
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    before = prints(folder)
    assert "unread_shards" not in before
    index.write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    assert "unread_shards" in prints(folder)


def test_an_adapter_and_legacy_tokens_are_inputs(folder):
    before = prints(folder)
    for name in ("adapter_config.json", *LEGACY):
        put(folder, name, "{}")
    assert {*prints(folder)} - {*before} == {
        f"{name}_sha256" for name in ("adapter_config.json", *LEGACY)
    }
    change_json(folder / "tokenizer_config.json", added_tokens_decoder={})
    assert not {f"{name}_sha256" for name in LEGACY} & {*prints(folder)}


def test_of_an_adapter_the_files_of_its_base_are_inputs_where_they_are_read(folder, tmp_path):
    adapter = tmp_path / "adapter"
    change_json(put(adapter, "adapter_config.json", "{}"), base_model_name_or_path=str(folder))
    before = prints(adapter)
    for name in (*LEGACY, "additional_chat_templates/tool.jinja"):
        put(folder, name, "{}")
        assert {*prints(adapter)} - {*before} == {f"base_{name}_sha256"}
        before = prints(adapter)
    put(adapter, "tokenizer_config.json", "{}")
    assert not {f"base_{name}_sha256" for name in LEGACY} & {*prints(adapter)}
    trusted = prints(adapter, trust_remote_code=True)
    put(folder, "modeling.py", "")
    assert prints(adapter) == {k: v for k, v in trusted.items() if "code" not in k}
    assert prints(adapter, trust_remote_code=True) != trusted


@pytest.mark.parametrize("name", ["math-tiny"])
def test_a_bundled_model_has_the_fingerprint_it_always_had(name):
    found = model_fingerprint(find_model(name)[0])
    run = bundled_dir("data") / "demo_runs" / "score-air-5765d8c1" / "manifest.json"
    recorded = json.loads(run.read_text(encoding="utf-8"))["inputs"]["model"]
    assert found == {key: recorded[key] for key in found}
    assert {*prints(name)} == {*recorded}


def test_a_template_that_writes_the_date_gives_the_same_tokens_on_any_day(folder, monkeypatch):
    put(folder, "chat_template.jinja", DATED)
    sample = samples_of([("1 + 1?", "2")])[0]
    from transformers.utils import chat_template_utils

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2031, 12, 31, tzinfo=tz)

    tokenizer = load_model(str(folder), device="cpu", check=False).tokenizer
    today = render(sample, tokenizer).ids
    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    assert "2031" in tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}], tokenize=False
    )
    assert render(sample, tokenizer).ids == today
    assert tokenizer.decode(today).startswith(TODAY.strftime("%d %b %Y"))


def test_the_frozen_date_is_in_the_fingerprint_and_the_facts_only_where_it_is_written(folder):
    assert "template_date" not in prints(folder)
    put(folder, "chat_template.jinja", DATED)
    assert prints(folder)["template_date"] == "2024-07-26"
    assert "template_date" not in prints(folder, template="none")
    facts = load_model(str(folder), device="cpu", check=False).facts
    assert facts["template_date"] == "2024-07-26"


def test_a_model_changed_between_its_name_and_its_weights_is_refused(folder):
    source = ModelSource(str(folder), device="cpu")
    source.fingerprint()
    change_json(folder / "config.json", rms_norm_eps=1e-3)
    with pytest.raises(InputError, match=r"changed while it was loaded \(config.json_sha"):
        source.load()
