"""Models that others made, with whatever they may hold: refused with the reason."""

from __future__ import annotations

import copy
import json
import shutil
import struct
import time
from pathlib import Path

import gguf
import pytest

from tests.support.gguf_file import write_gguf
from tests.support.rows import samples_of
from workbench.errors import InputError, ModelRefusedError, WorkbenchError
from workbench.models import load_model, render
from workbench.models.bounded import bounded, check_template
from workbench.models.reading import read_config
from workbench.models.tokenizer import read_tokenizer

CODE = "raise SystemExit('foreign code was run')\n"


@pytest.fixture
def model(checkpoint, tmp_path):
    """`model("config.json", key=value)`: a copy of the tiny model with a file changed."""
    folder = tmp_path / "model"
    shutil.copytree(checkpoint("llama"), folder)
    (folder / "evil.py").write_text(CODE)

    def change(name: str, **values: object) -> Path:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | values))
        return folder

    return change


EVIL = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}
KERNEL = "kernels-community/evil"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auto_map": EVIL, "model_type": "evil"}, "brings code of its own"),
        ({"_attn_implementation": KERNEL}, "asks for code of the hub"),
        ({"text_config": {"attn_implementation": [KERNEL]}}, "asks for code of the hub"),
        ({"experts_implementation": KERNEL}, "asks for code of the hub"),
        ({"num_hidden_layers": 10**9}, "has 1000000000 as num_hidden_layers, expected at most"),
        ({"text_config": {"num_experts": 10**6}}, "has 1000000 as num_experts"),
        ({"num_hidden_layers": 0}, "has 0 as num_hidden_layers, expected 1 at least"),
        ({"max_position_embeddings": -1}, "expected 1 at least"),
        ({"num_hidden_layers": "many"}, "cannot be read"),
        ({"num_attention_heads": 0}, "cannot be read"),
        ({"model_type": "../../x"}, "cannot be read"),
        ({"quantization_config": {"quant_method": "evil"}}, "stored quantised (evil)"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_refused(model, values, words):
    folder = model("config.json", **values)
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        read_config("foreign", folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "5", "\x00", ""])
def test_a_configuration_that_is_none_is_refused(model, content):
    folder = model("config.json")
    (folder / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json of model 'foreign'"):
        read_config("foreign", folder)


@pytest.mark.parametrize(
    "placed",
    [{"a": "../../../etc/passwd"}, {"a": "/etc/passwd"}, {"a": 5}, [], {}, None],
)
def test_an_index_names_no_file_outside_of_its_folder(model, placed):
    folder = model("config.json")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": placed}))
    with pytest.raises(InputError, match=r"index of the weights .*names of files beside it"):
        read_config("foreign", folder)


def header(change) -> bytes:
    content = json.dumps(change).encode() if not isinstance(change, bytes) else change
    return struct.pack("<Q", len(content)) + content


HUGE = {"w": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 90_000_000) + b"{}",
        header(b"[" * 100_000),
        header(HUGE),
        header({"w": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 4]}}),
        header({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**62]}}),
        header({"../../w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}),
    ],
)
def test_absurd_headers_of_safetensors_are_refused(model, content):
    folder = model("config.json")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="the weights of model"):
        load_model(str(folder), device="cpu")


@pytest.fixture(scope="module")
def packed(checkpoint, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    kind = gguf.GGMLQuantizationType.Q8_0
    return write_gguf(checkpoint("llama"), path, kind=kind).read_bytes()


def patched(content: bytes, place: int, form: str, value: int) -> bytes:
    return content[:place] + struct.pack(form, value) + content[place + struct.calcsize(form) :]


def behind(content: bytes, key: bytes, more: int = 4) -> int:
    return content.index(key) + len(key) + more


@pytest.mark.parametrize(
    "change",
    [
        lambda c: b"",
        lambda c: c[:100],
        lambda c: b"XXXX" + c[4:],
        lambda c: patched(c, 4, "<I", 99),
        lambda c: patched(c, 8, "<Q", 2**64 - 1),
        lambda c: patched(c, 16, "<Q", 2**60),
        lambda c: patched(c, 24, "<Q", 2**62),
        lambda c: patched(c, behind(c, b"llama.block_count"), "<I", 2**31),
        lambda c: patched(c, behind(c, b"llama.block_count"), "<I", 0),
        lambda c: patched(c, behind(c, b"tokenizer.ggml.tokens", 8), "<Q", 2**61),
    ],
)
def test_absurd_headers_of_gguf_are_refused(packed, tmp_path, change):
    (tmp_path / "x.gguf").write_bytes(change(packed))
    began = time.process_time()
    with pytest.raises(InputError):
        read_config("foreign", tmp_path / "x.gguf")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.T", None]}, "x": 1}),
        ("tokenizer_config.json", {"tokenizer_class": 5}),
        ("tokenizer_config.json", {"extra_special_tokens": {"a": 5}}),
        ("tokenizer.json", {"model": {"type": "Evil"}}),
        ("tokenizer.json", {"added_tokens": "x" * 100}),
    ],
)
def test_a_tokenizer_that_is_code_or_none_is_refused_and_nothing_is_run(model, name, values):
    folder = model(name, **values)
    if "auto_map" in values:
        model(name, tokenizer_class="Evil")
    with pytest.raises(InputError, match="the tokenizer of model 'foreign' cannot be read"):
        read_tokenizer("foreign", folder)


def with_template(tiny_model, template: str):
    tokenizer = copy.copy(tiny_model.tokenizer)
    tokenizer.chat_template = template
    return tokenizer


SAMPLE = samples_of([("1 + 1?", "2")])[0]
LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DOUBLED = (
    "{% set n = namespace(s='abcdefgh') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
    "{% endfor %}{{ n.s }}"
)


def test_a_template_without_an_end_is_stopped(tiny_model, monkeypatch):
    monkeypatch.setattr("workbench.models.bounded.SECONDS", 0.2)
    with pytest.raises(ModelRefusedError, match="takes more time than a row may"):
        render(SAMPLE, with_template(tiny_model, LOOP))


def test_a_template_that_fills_the_memory_is_stopped(tiny_model, monkeypatch):
    monkeypatch.setattr("workbench.models.bounded.MEGABYTES", 100)
    with pytest.raises(WorkbenchError, match="takes more memory than a row may"):
        render(SAMPLE, with_template(tiny_model, DOUBLED))


def test_a_template_that_writes_a_book_is_refused(tiny_model):
    with pytest.raises(ModelRefusedError, match="writes 1999998 characters"):
        render(SAMPLE, with_template(tiny_model, "{{ 'x' * 999999 }}{{ 'x' * 999999 }}"))


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{{ 9**9**9 }}", "computes a power"),
        ("{{ 'a' * 99999999999 }}", "has the number 99999999999"),
        ("{{ 'a' * 0xffffffff }}", "has the number 0xffffffff"),
        ("{{ 'a' * 999_999_999 }}", "has the number 999_999_999"),
        (5, "is int"),
        ({"default": "{{ 2 ** 2 }}"}, "computes a power"),
    ],
)
def test_a_template_with_a_step_that_nothing_stops_is_refused_at_load(template, what):
    with pytest.raises(ModelRefusedError, match=what):
        check_template("foreign", template)


def test_templates_as_they_are_made_pass():
    check_template("own", "{{ f(**options) }}{% for m in messages[1:] %}{{ 2 * loop.index }}")
    check_template("torn", "{% for m in messages %}{{ m.content")


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('exit') }}",
        "{{ messages.append(5) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% include '/etc/passwd' %}",
        "{{ raise_exception('<img src=x>') }}",
    ],
)
def test_a_template_reaches_nothing_beyond_the_conversation(tiny_model, attack):
    from workbench.models import UnrenderableError

    with pytest.raises(UnrenderableError, match="the chat template refused the row"):
        render(SAMPLE, with_template(tiny_model, attack))


def endless() -> None:
    with bounded("the work", seconds=0.05):
        while True:
            sum(range(1000))


def test_work_within_its_bounds_is_left_alone_and_what_follows_too():
    for _ in range(50):
        with bounded("the work", seconds=5.0):
            sum(range(100))
    with pytest.raises(ModelRefusedError):
        endless()
    time.sleep(0.2)
    with pytest.raises(KeyError), bounded("the work", seconds=5.0):
        raise KeyError
