"""Canonical JSON and hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from workbench.config import canonical_json, digest, file_digest, finite_or_none
from workbench.types import Head, ModelInfo

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate is no text and has no UTF-8 form.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_change_the_digest(value):
    assert digest(value) == digest(dict(reversed(value.items())))


def test_different_values_have_different_digests():
    values = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, [1], [], None, {"a": None}]
    assert len({digest(value) for value in values}) == len(values)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_nan_and_infinities_are_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


def test_a_thing_without_a_canonical_form_is_refused_by_name():
    with pytest.raises(TypeError, match="object has no canonical JSON form"):
        canonical_json({"x": object()})


def test_dataclasses_paths_and_numpy_scalars_have_a_plain_form():
    info = ModelInfo("tiny", None, "00", n_layers=2, n_heads=4)
    assert json.loads(canonical_json(info))["n_heads"] == 4
    assert canonical_json([Path("a/b"), np.int64(3), np.float32(0.5)]) == '["a/b",3,0.5]'
    assert canonical_json(Head(1, 2)) == "[1,2]"


def test_text_is_kept_as_utf8_without_spaces():
    assert canonical_json({"b": "π ≥ 3", "a": [1, 2]}) == '{"a":[1,2],"b":"π ≥ 3"}'


def test_file_digest_is_the_sha256_of_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 100_000)
    assert file_digest(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_unusable_numbers_become_none(value):
    assert finite_or_none(value) is None


def test_usable_numbers_stay():
    assert finite_or_none(-0.5) == -0.5


def test_signatures_are_checked_while_testing():
    with pytest.raises(TypeCheckError):
        finite_or_none("0.5")  # type: ignore[arg-type]
