"""A row comes back from the index of texts with all that a chat template reads of it."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from apps.reading import text_index
from workbench.data import read_samples
from workbench.options import RECOGNISED

CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
ASK = {"role": "user", "content": "1 + 1?"}


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "1 + 1?", "solution": "2"},
        {"text": "1 + 1 is 2"},
        {"messages": [ASK, {"role": "assistant", "content": "2", "tool_calls": [CALL]}]},
        {"messages": [{"role": "system", "content": "s"}, ASK]},
    ],
)
def test_a_row_comes_back_as_it_was_read(row, tmp_path):
    data, out = tmp_path / "rows.jsonl", tmp_path / "texts.arrow"
    data.write_text(json.dumps(row))
    assert text_index.build([str(data)], RECOGNISED, out=out) == 1
    (record,) = pa.ipc.open_file(out.read_bytes()).read_all().to_pylist()
    (sample,) = read_samples([str(data)])
    found = text_index.sample_of(record, 0)
    assert (found.messages, found.text) == (sample.messages, sample.text)
