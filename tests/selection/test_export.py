"""The export folder: read back in every format, deterministic, whole or not there."""

import hashlib
import json

import pandas as pd
import pytest
import yaml

from workbench.data import FORMATS, read_samples, to_sample
from workbench.errors import InputError
from workbench.selection import export_selection, select
from workbench.types import BadRow

PROVENANCE = {"model": "math-tiny", "method": "circuitseer", "policy": "soft", "seed": 0}


def samples_of(n_rows=8):
    rows = [
        {"question": f"What is {i} + 1?", "answer": f"It is {i + 1}.", "level": i, "tags": ["a"]}
        for i in range(n_rows)
    ]
    return [to_sample(row, i, f"{'ab'[i % 2]}.jsonl") for i, row in enumerate(rows)]


def selection_of(samples, places=(5, 0, 3)):
    return pd.DataFrame(
        {
            "row_id": [samples[i].row_id for i in places],
            "row_index": list(places),
            "score": [0.5 + i for i in places],
            "p": 0.25,
            "rank": range(1, len(places) + 1),
        }
    )


def export(out, **options):
    samples = options.pop("samples", None) or samples_of()
    selection = options.pop("selection", None)
    selection = selection_of(samples) if selection is None else selection
    options = {"provenance": PROVENANCE, "name": "sums"} | options
    return export_selection(iter(samples), selection, out, **options)


def rows_of(out):
    if (out / "data.parquet").exists():
        return pd.read_parquet(out / "data.parquet").to_dict("records")
    return [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]


def bytes_of(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


FIELDS = {
    "jsonl": {"question": "What is 3 + 1?", "answer": "It is 4."},
    "parquet": {"question": "What is 3 + 1?", "answer": "It is 4."},
    "prompt-completion": {"prompt": "What is 3 + 1?", "completion": "It is 4."},
    "messages": {
        "messages": [
            {"role": "user", "content": "What is 3 + 1?"},
            {"role": "assistant", "content": "It is 4."},
        ]
    },
    "alpaca": {"instruction": "What is 3 + 1?", "input": "", "output": "It is 4."},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "What is 3 + 1?"},
            {"from": "gpt", "value": "It is 4."},
        ]
    },
}


@pytest.mark.parametrize("fmt", FORMATS)
def test_each_format_keeps_the_columns_and_the_marks(tmp_path, fmt):
    export(tmp_path / "out", format=fmt)
    rows = rows_of(tmp_path / "out")
    assert [row["level"] for row in rows] == [0, 3, 5]
    middle = {name: list(v) if name == "tags" else v for name, v in rows[1].items()}
    marks = {"_score": 3.5, "_p": 0.25, "_rank": 3, "_row_id": samples_of()[3].row_id}
    original = samples_of()[3].row
    assert middle == {**original, **FIELDS[fmt], **marks}


@pytest.mark.parametrize("fmt", FORMATS)
def test_datasets_loads_the_folder_offline(tmp_path, fmt):
    datasets = pytest.importorskip("datasets", reason="needs the extra 'train'")
    export(tmp_path / "out", format=fmt)
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"]["_rank"] == [2, 3, 1]
    assert loaded["train"]["level"] == [0, 3, 5]
    if fmt not in ("jsonl", "parquet"):
        assert loaded["train"][1].items() >= FIELDS[fmt].items()


def test_the_same_request_gives_the_same_bytes(tmp_path):
    for fmt in ("jsonl", "parquet"):
        export(tmp_path / f"one-{fmt}", format=fmt)
        export(tmp_path / f"two-{fmt}", format=fmt)
        assert bytes_of(tmp_path / f"one-{fmt}") == bytes_of(tmp_path / f"two-{fmt}")


def test_the_provenance_is_complete_and_its_digests_are_true(tmp_path):
    summary = export(tmp_path / "out", format="messages")
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record.items() >= PROVENANCE.items()
    assert record["counts"] == {"input": 8, "bad": 0, "selected": 3} == summary["counts"]
    written = bytes_of(tmp_path / "out")
    del written["provenance.json"]
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    assert record["files"] == digests == summary["files"]
    assert set(digests) == {
        "README.md",
        "data.jsonl",
        "trainers/axolotl.yaml",
        "trainers/dataset_info.json",
        "trainers/llamafactory.yaml",
        "trainers/sft.py",
    }


def test_a_selected_row_that_is_not_in_the_data_is_refused_and_nothing_is_left(tmp_path):
    samples = samples_of()
    selection = selection_of(samples)
    words = r"1 of 3 selected rows are not in the data \(first: row_id '.*'\)"
    with pytest.raises(InputError, match=words):
        export(tmp_path / "out", samples=samples[:5], selection=selection)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fmt", ["csv", ""])
def test_an_unknown_format_is_refused(tmp_path, fmt):
    with pytest.raises(InputError, match=f"format is '{fmt}', expected one of jsonl, parquet"):
        export(tmp_path / "out", format=fmt)


def test_an_empty_or_repeated_selection_is_refused(tmp_path):
    samples = samples_of()
    with pytest.raises(InputError, match="the selection holds no rows"):
        export(tmp_path / "out", selection=selection_of(samples, ()))
    with pytest.raises(InputError, match="names a row_id more than once"):
        export(tmp_path / "out", selection=selection_of(samples, (1, 1)))


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds files and no provenance\.json"):
        export(tmp_path)
    assert bytes_of(tmp_path) == {"thesis.tex": b"years of work"}


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path):
    out = tmp_path / "out"
    export(out, format="parquet")
    export(out, format="messages")
    assert "data.parquet" not in bytes_of(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_earlier_export_with_a_file_of_the_users_is_refused(tmp_path):
    out = tmp_path / "out"
    export(out)
    (out / "trainers" / "notes.txt").write_text("mine")
    before = bytes_of(out)
    with pytest.raises(InputError, match=r"holds 'trainers/notes\.txt', which an export did"):
        export(out, format="messages")
    assert bytes_of(out) == before


def test_a_failed_export_leaves_the_earlier_one(tmp_path):
    out = tmp_path / "out"
    export(out)
    before = bytes_of(out)
    with pytest.raises(InputError, match="not in the data"):
        export(out, samples=samples_of(2), selection=selection_of(samples_of()))
    assert bytes_of(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file, expected a folder"):
        export(tmp_path / "out")
    with pytest.raises(InputError, match="a part of the path is a file"):
        export(tmp_path / "out" / "deeper")


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path):
    (tmp_path / "empty").mkdir()
    export(tmp_path / "empty")
    export(tmp_path / "a" / "b")
    assert bytes_of(tmp_path / "empty") == bytes_of(tmp_path / "a" / "b")


def test_unreadable_rows_are_counted_and_passed_over(tmp_path):
    samples = [*samples_of(), BadRow("x", 8, "b.jsonl", "not JSON")]
    summary = export(tmp_path / "out", samples=samples)
    assert summary["counts"] == {"input": 9, "bad": 1, "selected": 3}


def test_marks_of_an_earlier_export_are_kept_under_another_name(tmp_path):
    samples = [to_sample({"prompt": "p", "completion": "c", "_score": 7.0, "_rank": 4}, 0, "x")]
    export(tmp_path / "out", samples=samples, selection=selection_of(samples, (0,)))
    (row,) = rows_of(tmp_path / "out")
    assert (row["original_score"], row["original_rank"]) == (7.0, 4)
    assert (row["_score"], row["_rank"]) == (0.5, 1)


def test_rows_of_several_layouts_have_no_trainer_files_until_they_share_a_format(tmp_path):
    samples = [*samples_of(2), to_sample({"prompt": "p", "completion": "c"}, 2, "c.jsonl")]
    options = {"samples": samples, "selection": selection_of(samples, (0, 2))}
    export(tmp_path / "mixed", **options)
    assert not (tmp_path / "mixed" / "trainers").exists()
    assert "there is no `trainers/` folder" in (tmp_path / "mixed" / "README.md").read_text()
    export(tmp_path / "same", format="messages", **options)
    assert (tmp_path / "same" / "trainers" / "sft.py").exists()


def test_a_selection_from_select_exports_from_the_files_it_was_scored_on(tmp_path):
    source = tmp_path / "rows.jsonl"
    lines = [json.dumps({"prompt": f"{i} + 1 =", "completion": str(i + 1)}) for i in range(40)]
    source.write_text("\n".join([*lines, lines[0]]) + "\n")
    samples = list(read_samples([str(source)]))
    scores = pd.DataFrame(
        {
            "row_id": [sample.row_id for sample in samples],
            "row_index": [sample.row_index for sample in samples],
            "source": [sample.source for sample in samples],
            "n_tokens": 6,
            "score": [1.0 + sample.row_index for sample in samples],
            "status": "ok",
        }
    )
    chosen = select(scores, policy="top", n=4)
    chosen.rows.to_parquet(tmp_path / "selection.parquet")
    selection = pd.read_parquet(tmp_path / "selection.parquet")
    options = {"provenance": PROVENANCE | chosen.diagnostics, "name": "top"}
    export_selection(read_samples([str(source)]), selection, tmp_path / "out", **options)
    rows = rows_of(tmp_path / "out")
    assert [row["_rank"] for row in rows] == [4, 3, 2, 1]
    # The last row repeats the first one: same content, an id of its own.
    assert rows[-1]["prompt"] == "0 + 1 ="
    front = (tmp_path / "out" / "README.md").read_text().split("---\n")[1]
    assert yaml.safe_load(front)["size_categories"] == ["n<1K"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_repeat_weight_keeps_every_row_and_marks_the_selected(tmp_path, fmt):
    samples = samples_of()
    others = {sample.row_id: float(i) for i, sample in enumerate(samples)}
    export(tmp_path / "out", format=fmt, form="repeat-weight", scores=others)
    rows = rows_of(tmp_path / "out")
    assert [row["level"] for row in rows] == list(range(8))
    assert [row["_repeat"] for row in rows] == [2, 1, 1, 2, 1, 2, 1, 1]
    assert [row["_rank"] for row in rows] == [2, 0, 0, 3, 0, 1, 0, 0]
    assert [row["_score"] for row in rows] == [0.5, 1, 2, 3.5, 4, 5.5, 6, 7]
    assert [row["_row_id"] for row in rows] == [sample.row_id for sample in samples]
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["counts"] == {"bad": 0, "input": 8, "selected": 3, "written": 8}
    script = (tmp_path / "out" / "trainers" / "sft.py").read_text()
    compile(script, "sft.py", "exec")
    assert 'dataset["_repeat"]' in script


def test_a_subset_has_no_repeats(tmp_path):
    export(tmp_path / "out")
    assert all("_repeat" not in row for row in rows_of(tmp_path / "out"))
    assert "_repeat" not in (tmp_path / "out" / "README.md").read_text()
    assert "_repeat" not in (tmp_path / "out" / "trainers" / "sft.py").read_text()


def test_the_trl_script_reads_repeated_rows_twice(tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs the extra 'train'")
    export(tmp_path / "out", format="prompt-completion", form="repeat-weight")
    dataset = datasets.load_dataset(
        str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    places = (i for i, n in enumerate(dataset["_repeat"]) for _ in range(n))
    assert dataset.select(list(places))["level"] == [0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 7]


def mixed_samples():
    """A plain row, a prompt alone, an empty answer, and turns that end with a question."""
    rows = [
        {"prompt": "1 + 1?", "completion": "2"},
        {"prompt": "2 + 2?", "completion": None},
        {"prompt": "3 + 3?", "completion": " "},
        {"prompt": "4 + 4?", "completion": "8"},
    ]
    return [to_sample(row, i, "a.jsonl", "prompt-completion") for i, row in enumerate(rows)]


@pytest.mark.parametrize("fmt", FORMATS)
def test_rows_without_a_completion_stand_apart_in_every_format(tmp_path, fmt):
    samples = mixed_samples()
    options = {"samples": samples, "selection": selection_of(samples, (0, 1, 2, 3))}
    summary = export(tmp_path / "out", format=fmt, **options)
    assert [row["_row_id"] for row in rows_of(tmp_path / "out")] == [
        samples[0].row_id,
        samples[3].row_id,
    ]
    aside = (tmp_path / "out" / "prompt-only.jsonl").read_text().splitlines()
    assert [json.loads(line)["_row_id"] for line in aside] == [s.row_id for s in samples[1:3]]
    assert summary["counts"] == {"input": 4, "bad": 0, "selected": 4, "prompt_only": 2}
    assert "prompt-only.jsonl" in summary["files"]


def test_prompts_alone_are_data_and_nothing_to_train_on(tmp_path):
    samples = [to_sample({"prompt": f"{i} + 1?"}, i, "a.jsonl") for i in range(3)]
    options = {"samples": samples, "selection": selection_of(samples, (0, 2))}
    for fmt in ("jsonl", "parquet"):
        export(tmp_path / fmt, format=fmt, **options)
        assert [row["prompt"] for row in rows_of(tmp_path / fmt)] == ["0 + 1?", "2 + 1?"]
        assert not (tmp_path / fmt / "trainers").exists()
        assert not (tmp_path / fmt / "prompt-only.jsonl").exists()
    for fmt in ("prompt-completion", "messages", "alpaca", "sharegpt"):
        with pytest.raises(InputError, match="none of the selected rows has a completion"):
            export(tmp_path / fmt, format=fmt, **options)
        assert not (tmp_path / fmt).exists()


def test_any_format_is_written_as_parquet_where_asked(tmp_path):
    summary = export(tmp_path / "out", format="messages", file_type="parquet")
    assert summary["data_file"] == "data.parquet"
    turns = rows_of(tmp_path / "out")[0]["messages"]
    assert [dict(turn) for turn in turns] == [
        {"role": "user", "content": "What is 0 + 1?"},
        {"role": "assistant", "content": "It is 1."},
    ]
    assert "ds_type: parquet" in (tmp_path / "out" / "trainers" / "axolotl.yaml").read_text()


def test_licence_and_language_reach_the_card(tmp_path):
    export(tmp_path / "out", license="apache-2.0", language="de")
    front = yaml.safe_load((tmp_path / "out" / "README.md").read_text().split("---\n")[1])
    assert (front["license"], front["language"]) == ("apache-2.0", ["de"])


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_rows_load_as_the_card_says(tmp_path, file_type):
    datasets = pytest.importorskip("datasets", reason="needs the extra 'train'")
    steps = ([None, {"n": 1}], [{"n": None}])
    rows = [
        {"prompt": f"{i}?", "completion": "2", "steps": steps[i], "level": (1, 0.5)[i]}
        for i in range(2)
    ]
    samples = [to_sample(row, i, "a.jsonl") for i, row in enumerate(rows)]
    options = {"samples": samples, "selection": selection_of(samples, (0, 1))}
    export(tmp_path / "out", file_type=file_type, **options)
    card = (tmp_path / "out" / "README.md").read_text()
    load = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    if file_type == "jsonl":
        assert "It refuses JSON lines in which" in card
        with pytest.raises(Exception, match="incompatible types"):
            datasets.load_dataset(str(tmp_path / "out"), **load)
        return
    assert "It refuses" not in card
    loaded = datasets.load_dataset(str(tmp_path / "out"), **load)
    assert loaded["level"] == [1.0, 0.5]
    assert loaded["steps"] == list(steps)


def talks(n_answers):
    turns = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    return [to_sample({"id": str(i), "messages": turns * n_answers}, i, "x") for i in range(8)]


@pytest.mark.parametrize(
    ("fmt", "n_answers", "template", "turns", "is_written"),
    [
        ("alpaca", 1, "chat", "last", True),
        ("alpaca", 1, "none", "last", False),
        ("alpaca", 2, "none", "last", True),
        ("messages", 1, "chat", "last", False),
        ("messages", 2, "chat", "last", True),
        ("messages", 2, "chat", "all", False),
    ],
)
def test_axolotl_reads_turns_of_their_own_where_the_rows_would_mislead_it(
    tmp_path, fmt, n_answers, template, turns, is_written
):
    out = tmp_path / "out"
    provenance = {**PROVENANCE, "template": template}
    samples = talks(n_answers)
    report = export(out, samples=samples, format=fmt, provenance=provenance, turns=turns)
    (block,) = yaml.safe_load((out / "trainers/axolotl.yaml").read_text())["datasets"]
    assert (block["path"] == "messages.jsonl") == is_written
    assert (out / "trainers/messages.jsonl").exists() == is_written
    assert ("trainers/messages.jsonl" in report["files"]) == is_written
    assert json.loads((out / "provenance.json").read_text())["turns"] == turns
    if is_written:
        lines = (out / "trainers/messages.jsonl").read_text().splitlines()
        said = [json.loads(line) for line in lines]
        assert [len(row["messages"]) for row in said] == [2 * n_answers] * 3
        assert [t["train"] for t in said[0]["messages"] if "train" in t][-1] is True


def test_rows_with_and_without_a_system_prompt_share_one_layout(tmp_path):
    rows = [{"id": str(i), "prompt": "1+1?", "completion": "2"} for i in range(8)]
    rows[3]["system"] = "Be brief."
    samples = [to_sample(row, i, "x") for i, row in enumerate(rows)]
    export(tmp_path / "out", samples=samples, format="alpaca")
    (entry,) = json.loads((tmp_path / "out/trainers/dataset_info.json").read_text()).values()
    assert entry["columns"]["system"] == "system"
    assert "All three learn the last answer" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize(("form", "n_rows"), [("subset", 3), ("repeat-weight", 8)])
def test_rows_that_call_functions_are_told_to_the_trainers_that_keep_the_calls(
    tmp_path, form, n_rows
):
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    turns = [
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "2"},
    ]
    plain = turns[:1] + turns[3:]
    rows = [{"id": str(i), "messages": turns if i % 2 else plain} for i in range(8)]
    samples = [to_sample(row, i, "x") for i, row in enumerate(rows)]
    export(tmp_path / "out", samples=samples, format="messages", form=form)
    names = {path.name for path in (tmp_path / "out/trainers").iterdir()}
    assert names == {"axolotl.yaml", "messages.jsonl", "sft.py"}
    lines = (tmp_path / "out/trainers/messages.jsonl").read_text().splitlines()
    said = [json.loads(line) for line in lines]
    assert len(said) == n_rows
    assert sum(row.get("_repeat", 1) for row in said) == n_rows + (form != "subset") * 3
    assert sum("tool_calls" in turn for row in said for turn in row["messages"]) == (
        sum(i % 2 for i in ((0, 3, 5) if form == "subset" else range(8)))
    )
    card = (tmp_path / "out/README.md").read_text()
    assert "there is nothing for it. Both learn the last answer" in card
