import json

import numpy as np
import pytest

from workbench.circuits import Importance, circuit_of, heads_to_json, rank_heads, read_heads
from workbench.errors import InputError
from workbench.types import Head, ModelInfo

INFO = ModelInfo(id="toy", revision="r1", weights_sha256="00", n_layers=2, n_heads=3)


@pytest.fixture
def heads():
    deltas = np.random.default_rng(0).normal(size=(10, 2, 3))
    importance = Importance(tuple("abcdefghij"), np.ones(10), deltas)
    return rank_heads(importance, INFO, fraction=0.3, probe={"strategy": "random", "n": 10})


def written(tmp_path, content):
    path = tmp_path / "heads.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_is_written_is_read_back_unchanged(heads, tmp_path):
    assert read_heads(written(tmp_path, heads_to_json(heads))) == heads


def test_the_file_has_the_promised_fields(heads, tmp_path):
    content = json.loads(written(tmp_path, heads_to_json(heads)).read_text())
    assert content["schema"] == 1
    assert content["ablation"] == "uniform-causal"
    assert set(content) >= {"model", "method", "probe", "base_loss", "n_samples", "heads"}
    assert set(content["model"]) >= {"id", "revision", "weights_sha256", "n_layers", "n_heads"}
    assert len(content["heads"]) == 6
    promised = {"layer", "head", "delta", "ci_low", "ci_high", "rank", "selected"}
    assert all(set(head) >= promised for head in content["heads"])


def test_published_retrieval_heads_are_ranked_by_their_mean_score(tmp_path):
    scores = {"0-0": [0.1, 0.3], "0-1": [0.0], "1-0": [0.9, 0.7], "1-1": [0.5, 0.5, 0.5]}
    heads = read_heads(written(tmp_path, scores), fraction=0.5)
    assert circuit_of(heads).heads == (Head(1, 0), Head(1, 1))
    assert [(h.layer, h.head, h.rank) for h in heads.heads] == [
        (0, 0, 3), (0, 1, 4), (1, 0, 1), (1, 1, 2)
    ]  # fmt: skip
    assert [h.delta for h in heads.heads] == pytest.approx([0.2, 0.0, 0.8, 0.5])
    assert (heads.model.n_layers, heads.model.n_heads, heads.method) == (2, 2, "retrieval")
    assert heads.model.weights_sha256 == ""


def test_layers_of_published_heads_are_numbers_and_not_letters(tmp_path):
    heads = read_heads(written(tmp_path, {f"{layer}-0": [layer] for layer in range(12)}))
    assert [h.layer for h in heads.heads] == list(range(12))


def test_a_fraction_is_checked_for_published_heads_too(tmp_path):
    with pytest.raises(InputError, match=r"fraction is 2\.0"):
        read_heads(written(tmp_path, {"0-0": [1.0]}), fraction=2.0)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match=r"no file .*none\.json, expected heads\.json; run `work"):
        read_heads(tmp_path / "none.json")


@pytest.mark.parametrize("content", ["", "{", "not json", '{"schema": 1,'])
def test_a_broken_file_is_refused_as_json(content, tmp_path):
    with pytest.raises(InputError, match=r"heads\.json cannot be read as JSON"):
        read_heads(written(tmp_path, content))


def test_a_folder_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_heads(tmp_path)


def test_a_file_of_a_later_schema_is_refused(heads, tmp_path):
    later = {**heads_to_json(heads), "schema": 2}
    with pytest.raises(InputError, match=r"has schema 2, expected schema 1"):
        read_heads(written(tmp_path, later))


@pytest.mark.parametrize(
    "content",
    [
        [],
        [1, 2],
        7,
        None,
        {},
        {"schema": 1},
        {"hello": "world"},
        {"0-0": []},
        {"0-0": ["a"]},
        {"0-0-0": [1.0]},
        {"zero-one": [1.0]},
        {"0-0": 3.0},
    ],
    ids=str,
)
def test_a_foreign_file_is_refused_in_words(content, tmp_path):
    with pytest.raises(InputError, match=r"(?s)is not a heads file .*find the heads again"):
        read_heads(written(tmp_path, content))


@pytest.mark.parametrize("field", ["model", "heads", "base_loss", "method", "ablation"])
def test_a_file_without_a_field_names_it(field, heads, tmp_path):
    content = heads_to_json(heads)
    del content[field]
    with pytest.raises(InputError, match=rf"(?s)is not a heads file .*'{field}'"):
        read_heads(written(tmp_path, content))
