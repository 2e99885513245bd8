import csv
import gzip
import json
import re
import sys
from types import SimpleNamespace

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data import files, fingerprint_sources, read_samples
from workbench.data.files import PARQUET_BATCH_ROWS
from workbench.data.sources import hub_revision
from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions
from workbench.types import BadRow, Sample

ROWS = [{"id": f"r{i}", "prompt": f"{i}+1?", "completion": str(i + 1)} for i in range(5)]
SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
    *(".json", ".parquet", ".arrow", ".csv", ".tsv"),
)
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


PACK = {".gz": gzip.compress, ".zst": zstd}


def lines_of(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def put(path, rows):
    """Write rows the way other programs would, independently of the writers under test."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_stream(str(path), (table := pa.Table.from_pylist(rows)).schema) as stream:
            stream.write_table(table)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=SEPARATORS[path.suffix])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        content = lines_of(rows)
        path.write_bytes(PACK.get(path.suffix, bytes)(content))
    return str(path)


def read(*sources, how=RECOGNISED):
    return list(read_samples(sources, how))


def refusal(*sources):
    with pytest.raises(InputError) as caught:
        read(*sources)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_file_gives_the_same_samples(tmp_path, suffix):
    samples = read(put(tmp_path / f"a{suffix}", ROWS))
    assert [dict(sample.row) for sample in samples] == ROWS
    assert [sample.row_index for sample in samples] == list(range(5))
    assert {sample.source for sample in samples} == {f"a{suffix}"}
    assert [(s.prompt, s.completion) for s in samples][1] == ("1+1?", "2")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_upper_case_extension_is_read_too(tmp_path, suffix):
    source = put(tmp_path / f"a{suffix}", ROWS)
    upper = tmp_path / f"B{suffix.upper()}"
    upper.write_bytes((tmp_path / f"a{suffix}").read_bytes())
    assert [s.row for s in read(str(upper))] == [s.row for s in read(source)]


def test_the_index_runs_on_over_sources_and_globs_are_read_in_name_order(tmp_path):
    put(tmp_path / "b.jsonl", ROWS[2:4])
    put(tmp_path / "a.csv", ROWS[:2])
    last = put(tmp_path / "z.parquet", ROWS[4:])
    samples = read(str(tmp_path / "[ab].*"), last)
    assert [(s.row_id, s.row_index) for s in samples] == [(f"r{i}", i) for i in range(5)]


def test_the_bundled_problems_are_samples_without_exception():
    rows = read("gsm8k")
    assert len(rows) > 1000
    assert all(isinstance(row, Sample) and row.has_completion for row in rows)
    assert len({row.row_id for row in rows}) == len(rows)


def test_json_lines_under_the_name_json_are_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(lines_of(ROWS))
    assert len(read(str(path))) == 5
    path.write_text(json.dumps(ROWS[0], indent=2))
    assert [sample.row_id for sample in read(str(path))] == ["r0"]


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_a_byte_order_mark_windows_line_ends_and_blank_lines_are_tolerated(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + lines_of(ROWS).replace(b"\n", b"\r\n\r\n"))
    assert [dict(sample.row) for sample in read(str(path))] == ROWS


def test_csv_tolerates_them_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfprompt,completion\r\n\r\n"p\r\n, q",c\r\n')
    [sample] = read(str(path))
    assert (sample.prompt, sample.completion) == ("p\r\n, q", "c")


def test_unicode_line_separators_do_not_end_a_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a\u2028b\x85c"}\n', encoding="utf-8")
    assert read(str(path))[0].text == "a\u2028b\x85c"


def test_rows_may_stand_under_data_in_one_object(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": "1", "data": ROWS}))
    assert [dict(sample.row) for sample in read(str(path))] == ROWS


def test_an_arrow_file_with_an_index_is_read_as_the_stream_is(tmp_path):
    table, path = pa.Table.from_pylist(ROWS * 300), tmp_path / "a.arrow"
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)
    assert [s.row["prompt"] for s in read(str(path))] == [row["prompt"] for row in ROWS * 300]


def test_a_text_file_is_one_document(tmp_path):
    (tmp_path / "a.txt").write_text("One line.\n\nAnd another.\n")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    good, bad = read(str(tmp_path))
    assert good.text == "One line.\n\nAnd another.\n"
    assert bad.reason == "document: not UTF-8 (byte 1)"


def test_a_text_file_may_be_read_as_a_document_a_line(tmp_path):
    content = b"\xef\xbb\xbfOne.\r\n \n  Two, set in.\n\xff\nlast"
    (tmp_path / "a.txt").write_bytes(content)
    rows = read(str(tmp_path / "a.txt"), how=ReadOptions(text_lines=True))
    assert [row.text for row in rows if isinstance(row, Sample)] == [
        "One.",
        "  Two, set in.",
        "last",
    ]
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.row_index, bad.reason) == (2, "line 4: not UTF-8 (byte 1)")


def test_lines_of_text_change_nothing_of_other_files(tmp_path):
    source = put(tmp_path / "a.jsonl", ROWS)
    assert read(source, how=ReadOptions(text_lines=True)) == read(source)


def test_frames_of_zstd_may_follow_one_another(tmp_path):
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstd(lines_of(ROWS[:2])) + zstd(lines_of(ROWS[2:])))
    assert [dict(sample.row) for sample in read(str(path))] == ROWS


def test_a_broken_line_is_reported_with_its_number_and_reading_goes_on(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = lines_of(ROWS).splitlines()
    bad = [b'{"prompt": ', b'{"text": "\xff"}', b'{"foo": 1}', b"[1]", b'{"text": "\\ud800"}']
    path.write_bytes(b"\n".join([lines[0], b"", *bad, lines[1]]))
    rows = read(str(path))
    assert [row.row_index for row in rows] == list(range(7))
    assert [type(row) for row in rows] == [Sample, *[BadRow] * 5, Sample]
    assert [row.reason for row in rows if isinstance(row, BadRow)] == [
        "line 3: not valid JSON (Expecting value, column 11)",
        "line 4: not UTF-8 (byte 11)",
        "line 5: unknown columns 'foo', name them (--prompt-column and --completion-column, or "
        "--text-column)",
        "line 6: the row is a list, expected an object with named columns",
        "line 7: half a surrogate pair, which is not Unicode",
    ]
    assert len({row.row_id for row in rows}) == 7


def test_a_deeply_nested_line_is_a_bad_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("[" * 200_000 + "\n" + json.dumps(ROWS[0]))
    bad, good = read(str(path))
    assert "line 1: not valid JSON" in bad.reason
    assert good.row_id == "r0"


def test_a_bad_row_keeps_its_own_id_and_source(tmp_path):
    source = put(tmp_path / "a.jsonl", [{"id": 7, "source": "web", "problem": None}])
    assert read(source) == [BadRow("7", 0, "web", "line 1: problem is null")]


def test_a_second_row_of_the_same_id_gets_its_index_behind_it(tmp_path):
    rows = [{"id": name, "text": "t"} for name in ("a", "a#3", "b", "a", "a")]
    rows += [{"text": "same"}, {"text": "same"}]
    samples = read(put(tmp_path / "a.jsonl", rows))
    ids = [sample.row_id for sample in samples]
    assert ids[:5] == ["a", "a#3", "b", "a#3#3", "a#4"]
    assert ids[6] == f"{ids[5]}#6"
    assert [dict(sample.row) for sample in samples] == rows


def test_ids_stay_unique_over_several_sources(tmp_path):
    source = put(tmp_path / "a.jsonl", ROWS)
    ids = [sample.row_id for sample in read(source, source)]
    assert len(set(ids)) == 10
    assert ids[5] == "r0#5"


def test_a_shape_can_be_asked_for(tmp_path):
    source = put(tmp_path / "a.jsonl", [{"prompt": "p", "completion": "c", "text": "t"}])
    assert read(source)[0].completion == "c"
    assert read(source, how=ReadOptions(shape="text"))[0].text == "t"
    with pytest.raises(InputError, match="row shape is 'x', expected one of messages"):
        read_samples([source], ReadOptions(shape="x"))


def test_parquet_keeps_nested_columns_and_reads_beyond_one_batch(tmp_path):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    rows = [{"id": i, "messages": turns} for i in range(PARQUET_BATCH_ROWS + 3)]
    samples = read(put(tmp_path / "a.parquet", rows))
    assert [sample.row_id for sample in samples] == [str(i) for i in range(len(rows))]
    assert samples[-1].row["messages"] == turns


def test_lines_are_read_only_as_they_are_asked_for(tmp_path, monkeypatch):
    parsed = []
    loads = json.loads
    monkeypatch.setattr(files.json, "loads", lambda text: parsed.append(text) or loads(text))
    rows = read_samples([put(tmp_path / "a.jsonl", ROWS)])
    next(rows)
    next(rows)
    assert len(parsed) == 2
    rows.close()


def test_csv_cells_stay_text_and_ragged_or_undecodable_lines_are_bad_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,prompt,completion\n007,1,2\n8,x\n9,\xff,y\n10,x,y,z\n")
    good, *bad = read(str(path))
    assert (good.row_id, good.prompt, good.completion) == ("007", "1", "2")
    reasons = ["line 3: 2 fields, expected 3", "line 4: not UTF-8", "line 5: 4 fields, expected 3"]
    assert [row.reason for row in bad] == reasons


def test_a_missing_file_is_refused_before_the_first_row_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"no data at .*none.jsonl"):
        read_samples([str(tmp_path / "none.jsonl")])


def test_no_source_at_all_is_refused():
    with pytest.raises(InputError, match="no data was named; pass a bundled name"):
        read_samples([])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl.gz", b'{"text": "t"}', "it is not a sound gzip file (Not a gzipped file"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"text": "t"}' * 99, mtime=0)[:-9],
            "it is not a sound gzip file (Compr",
        ),
        ("a.jsonl", gzip.compress(b"{}", mtime=0), "it is gzip-compressed but not named .jsonl.gz"),
        ("a.jsonl", '{"text": "t"}'.encode("utf-16"), "it is UTF-16, expected UTF-8"),
        ("a.json", b'[{"text": "t"},\n', "it is not valid JSON (Expecting value, line 2 column 1)"),
        ("a.json", b"[\xff]", "it is not UTF-8 (byte 2)"),
        ("a.parquet", b"PAR1 nonsense", "it is not a sound Parquet file (Parquet magic bytes"),
        ("a.parquet", b"", "it is not a sound Parquet file (Parquet file size is 0 bytes"),
        ("a.csv", b'text\n"open', "line 2 is not sound CSV (unexpected end of data)"),
        ("a.csv", b"text,text\na,b\n", "two of its columns have the same name"),
        ("a.jsonl.zst", b'{"text": "t"}', "ZSTD decompress failed"),
        ("a.jsonl.zst", zstd(b'{"text": "t"}' * 99)[:-3], "Truncated compressed stream"),
        ("a.arrow", b"nonsense", "it is not a sound Arrow file"),
        ("a.tsv", b'text\n"open', "line 2 is not sound CSV (unexpected end of data)"),
        ("a.txt", "a text".encode("utf-16"), "it is UTF-16, expected UTF-8"),
    ],
)
def test_an_unreadable_file_says_what_is_wrong_with_it(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(str(path))
    assert message.startswith(f"cannot read '{path}': {words}")
    assert message.endswith("; check, convert or replace the file")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b""),
        ("a.jsonl", b"\n \n"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("a.json", b"[]"),
        ("a.json", b""),
        ("a.csv", b""),
        ("a.csv", b"prompt,completion\n"),
        ("a.json", b'{"data": []}'),
        ("a.txt", b" \n"),
    ],
)
def test_data_without_any_row_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(str(path)).startswith(f"no rows in '{path}', expected at least one row; check")


def test_one_empty_file_among_others_is_no_fault(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    source = put(tmp_path / "full.jsonl", ROWS)
    assert len(read(str(tmp_path / "empty.jsonl"), source)) == 5


@pytest.fixture
def moving_hub(monkeypatch):
    """Every look at the branch finds another commit."""
    commits = iter(["0123abcd", "4567ef01", "89abcdef"])
    info = lambda repo: SimpleNamespace(sha=next(commits))  # noqa: E731
    monkeypatch.setattr(huggingface_hub, "dataset_info", info)
    hub_revision.cache_clear()
    yield
    hub_revision.cache_clear()


@pytest.mark.usefixtures("moving_hub")
def test_rows_of_the_hub_are_those_of_the_commit_in_the_fingerprint(monkeypatch):
    asked = []

    def load_dataset(*_args, revision, **_options):
        asked.append(revision)
        return iter(ROWS)

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    [before] = fingerprint_sources(["hf:openai/gsm8k"])
    read("hf:openai/gsm8k")
    assert asked == [before["revision"]]
    assert fingerprint_sources(["hf:openai/gsm8k"]) == [before]


@pytest.mark.usefixtures("moving_hub")
def test_a_hub_dataset_is_streamed_from_the_named_config_and_split(monkeypatch):
    asked = []

    def load_dataset(*args, **options):
        asked.append((args, options))
        return iter(ROWS)

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    samples = read("hf:openai/gsm8k:main:test")
    options = {"split": "test", "streaming": True, "revision": "0123abcd"}
    assert asked == [(("openai/gsm8k", "main"), options)]
    assert [sample.row_id for sample in samples] == [row["id"] for row in ROWS]
    assert {sample.source for sample in samples} == {"openai/gsm8k"}


def test_without_the_datasets_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    message = refusal("hf:openai/gsm8k")
    assert message == (
        "'hf:openai/gsm8k' needs the package 'datasets', which is not installed; "
        "pip install circuit-workbench[train]"
    )


@pytest.mark.usefixtures("moving_hub")
def test_a_hub_failure_is_one_sentence(monkeypatch):
    def load_dataset(*args, **options):
        raise ValueError("Bad split: dev. Available splits: ['train']\nmore\nlines")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    message = refusal("hf:openai/gsm8k:dev")
    assert re.match("cannot read 'hf:openai/gsm8k:dev' from the Hugging Face hub: Bad sp", message)
