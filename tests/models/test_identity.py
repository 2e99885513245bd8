import dataclasses

import pytest

from workbench.errors import InputError
from workbench.models import check_same_model
from workbench.types import ModelInfo

FOUND = ModelInfo(id="found", revision=None, weights_sha256="a" * 64, n_layers=2, n_heads=3)


def test_the_same_weights_under_another_name_are_the_same_model():
    check_same_model(FOUND, dataclasses.replace(FOUND, id="elsewhere", revision="r2"))


def test_another_shape_is_refused_with_both_shapes():
    words = "found on 'found' with 2 layers x 3 heads, expected the model 'large' with 2 layers x 4"
    with pytest.raises(InputError, match=words):
        check_same_model(FOUND, dataclasses.replace(FOUND, id="large", n_heads=4))


def test_other_weights_of_the_same_shape_are_refused_with_both_hashes():
    with pytest.raises(InputError, match="weights aaaaaaaaaaaa, expected weights bbbbbbbbbbbb of"):
        check_same_model(FOUND, dataclasses.replace(FOUND, weights_sha256="b" * 64))


def test_published_heads_without_a_hash_are_checked_by_shape():
    published = dataclasses.replace(FOUND, weights_sha256="")
    check_same_model(published, FOUND)
    with pytest.raises(InputError, match="2 layers x 3 heads"):
        check_same_model(published, dataclasses.replace(FOUND, n_layers=5))
