"""Other people's rows are read as their columns mean, and what is not read is said."""

from __future__ import annotations

import pytest

from tests.support.schemas import SCHEMAS, Schema, in_document, read, table


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.dataset.split()[0])
def test_a_row_of_a_public_dataset_is_read_as_its_columns_mean(schema: Schema, tmp_path):
    sample, said = read(schema, tmp_path)
    right = schema.right
    assert tuple((turn.role, turn.content) for turn in sample.messages) == right.turns
    assert (sample.text, sample.answer) == (right.text, right.answer)
    assert tuple(said["ambiguous"]) == right.ambiguous
    assert dict(sample.row) == schema.row


def test_there_are_as_many_schemas_as_the_document_promises():
    assert len({schema.dataset for schema in SCHEMAS}) >= 35


def test_the_document_shows_what_is_read(tmp_path):
    assert in_document() == table(tmp_path), "python -m tests.support.schemas"
