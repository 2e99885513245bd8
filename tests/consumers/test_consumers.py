"""Three trainers read exports as they stand: token ids and labels are those that were scored.

Each runs in an environment of its own (`make test-consumers` makes them); the table that comes of
it stands in docs/data.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from tests.consumers.exports import END, KINDS, chat_model, write_exports
from workbench.data.formats import PAIRS
from workbench.models import render

pytestmark = pytest.mark.consumers
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs/data.md"
BEGIN, STOP = "<!-- consumers -->\n", "<!-- end of consumers -->"
READERS = {
    "TRL": (Path(sys.executable), "trl_reader.py"),
    "LLaMA-Factory": (
        ROOT / ".venv-consumers/llamafactory/bin/python",
        "llama_factory_reader.py",
    ),
    "axolotl": (ROOT / ".venv-consumers/axolotl/bin/python", "axolotl_reader.py"),
}
FILES = {"TRL": "sft.py", "LLaMA-Factory": "llamafactory.yaml", "axolotl": "axolotl.yaml"}
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "DISABLE_VERSION_CHECK": "1",
    "AXOLOTL_DO_NOT_TRACK": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def is_for(reader, folder):
    """Whether an export has the file that this trainer starts from."""
    return folder is not None and (folder / "trainers" / FILES[reader]).exists()


def ask(reader, model, folders, cache):
    """Export folder -> token ids and labels of its rows, as one trainer makes them."""
    python, script = READERS[reader]
    if not python.exists():
        pytest.skip(f"{python} is not there; make test-consumers makes it")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), str(HERE / script), str(model), *map(str, folders)],
        capture_output=True,
        text=True,
        cwd=cache,
        env=environment | OFFLINE | {"HF_DATASETS_CACHE": str(cache / reader)},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def said_by(message):
    """An answer as the template writes it, with its calls."""
    calls = (message.more or {}).get("tool_calls", ())
    return message.content + "".join(f"<call>{json.dumps(c['function'])}</call>" for c in calls)


def compared(tokenizer, sample, turns, ids, labels):
    """`same`, or in which way the row is another one than was scored."""
    scored = list(render(sample, tokenizer).ids)
    answers = [said_by(m) for m in sample.messages if m.role == "assistant"]
    wanted = answers if turns == "all" else answers[-1:]
    said = tokenizer.decode([i for i, label in zip(ids, labels, strict=True) if label != -100])
    learned = [part.removeprefix("\n") for part in said.split(END) if part.strip()]
    if learned != wanted:
        return f"learns {said!r}"
    if list(ids) == scored:
        return "same"
    rest = tokenizer.decode(scored[len(ids) :])
    is_begun = scored[: len(ids)] == list(ids)
    return "same" if is_begun and rest == "\n" else f"reads {tokenizer.decode(ids)!r}"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("consumers")


@pytest.fixture(scope="module")
def chat(place):
    return place / "model", chat_model(place / "model")


@pytest.fixture(scope="module")
def written(place):
    return {turns: write_exports(place, turns) for turns in ("last", "all")}


@pytest.fixture(scope="module")
def answers(chat, written, place):
    """What each trainer made of all exports: asked once, and only when it is needed."""
    known = {}

    def of(reader, turns):
        if (reader, turns) not in known:
            folders = [w.folder for w in written[turns] if is_for(reader, w.folder)]
            known[reader, turns] = ask(reader, chat[0], folders, place)
        return known[reader, turns]

    return of


def found_of(answers, written, chat, reader, turns):
    """(kind, format) -> how the rows that a trainer read compare with the scored ones."""
    found = {}
    for export in written[turns]:
        key = (export.kind, export.format)
        if not is_for(reader, export.folder):
            found[key] = "refused" if "tools" in export.reason else "no files"
            continue
        rows = answers(reader, turns)[str(export.folder)]
        assert len(rows) == len(export.samples)
        kinds = {
            compared(chat[1], sample, turns, *row)
            for sample, row in zip(export.samples, rows, strict=True)
        }
        found[key] = " and ".join(sorted(kinds))
    return found


@pytest.mark.parametrize("turns", ["last", "all"])
@pytest.mark.parametrize("reader", READERS)
def test_what_a_trainer_reads_and_learns_is_what_was_scored(reader, turns, answers, written, chat):
    if (reader, turns) == ("TRL", "all"):
        pytest.skip("it wants generation marks in the template: tests/selection/test_learned.py")
    found = found_of(answers, written, chat, reader, turns)
    others = {key: how for key, how in found.items() if how != "same"}
    calling = {key: how for key, how in others.items() if key[0].startswith("tool calls")}
    assert others == calling
    without = {"refused"} if reader != "LLaMA-Factory" else {"refused", "no files"}
    assert set(calling.values()) == without
    assert {fmt for (_, fmt), how in calling.items() if how == "refused"} == set(PAIRS)


def table(answers, written, chat):
    by_reader = {r: found_of(answers, written, chat, r, "last") for r in READERS}
    lines = [f"| rows | format | {' | '.join(READERS)} |", "|---|---|" + "---|" * len(READERS)]
    for kind in KINDS:
        cells = {
            fmt: tuple(by_reader[r][kind, fmt] for r in READERS)
            for k, fmt in by_reader["TRL"]
            if k == kind
        }
        for how, formats in groupby(sorted(cells, key=cells.get), key=cells.get):
            lines.append(f"| {kind} | {', '.join(formats)} | {' | '.join(how)} |")
    return "\n".join(lines) + "\n"


def test_the_table_in_the_documents_is_this_one(answers, written, chat):
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    now = table(answers, written, chat)
    if os.environ.get("WRITE_TABLE"):
        DOCUMENT.write_text(f"{before}{BEGIN}{now}{STOP}{rest.partition(STOP)[2]}")
    assert rest.partition(STOP)[0] == now or os.environ.get("WRITE_TABLE")
