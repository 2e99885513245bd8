"""The frame around every stage: a question is answered once, by its work or by a finished run.

    def work(task: Task) -> Finding:
        probe = build_probe(engine, samples, n=2, on_progress=task.progress(engine))
        return Finding({"n": len(probe.samples)}, counts={"ok": len(samples)}, model=engine)

    answer(place, RunSpec("probe-highest-loss", {"n": 2}, {}, "probe.json"), work)

The frame takes the lock, asks the run for what was done before, hands progress on, writes the
model's facts and the result, and reads the summary back. A stage writes its parts and other files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import InputError
from workbench.runs.facts import Loaded, keep_facts
from workbench.runs.files import TableStream
from workbench.runs.manifest import read_manifest
from workbench.runs.run import Run, open_run
from workbench.runs.spec import RunSpec
from workbench.types import TOOLS_READER, Progress, no_progress

BATCHES = "batches.json"
Reading = Mapping[str, Any]
"""What was read: the summary of a `workbench.data.Tally`."""
READINGS = ("read", "read_eval", "read_control")
"""Names of what a run may have read, in a manifest, a plan and what `--json` prints."""


def _nobody(_reading: Reading) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Place:
    """Where runs go, and who hears of progress and of what was read."""

    runs: Path
    on_progress: Progress = no_progress
    on_read: Callable[[Reading], None] = _nobody


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, its result file, and whether a finished run answered."""

    run: Path
    result: Path
    reused: bool
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What the work found: the content of the result file, and counts for the manifest.

    With a `model` its facts are kept beside the result.
    """

    content: Mapping[str, Any] | pa.Table | TableStream
    counts: Mapping[str, int]
    model: Loaded | None = None


@dataclass(frozen=True)
class Task:
    """The work on one question: the open run, and the place it was asked from."""

    run: Run
    place: Place

    def progress(self, model: Loaded | None = None) -> Progress:
        """Progress to the run's events and to whoever watches.

        A line says so where batches of the model were halved; the manifest then has them all.
        """

        def tell(done: int, total: int, text: str) -> None:
            if model is not None:
                text += halved_note(self.run, model)
            self.run.event(done, total, text)
            self.place.on_progress(done, total, text)

        return tell

    def has_read(self, reading: Reading, *, name: str = "read") -> None:
        """Keep in the manifest what was read, and tell it before the work begins.

        Under another `name` where a run reads more than one thing, as data that it measures on.
        """
        self.run.record(**{name: dict(reading)})
        self.place.on_read(reading)

    def budget(self, asked: int | None, otherwise: Callable[[], int]) -> int:
        """Tokens in a batch: as asked, or what `otherwise` gave when the run was begun.

        Kept in the run, so that a resumed run cuts the same batches and gives the same bytes.
        """
        if asked is not None:
            return asked
        kept = self.run.path / BATCHES
        if not self.run.is_as_written(BATCHES):
            # Parts that were cut in an unknown way cannot stand beside new ones.
            self.run.forget_parts()
            self.run.write_json(BATCHES, {"batch_tokens": otherwise()})
        chosen = int(json.loads(kept.read_text(encoding="utf-8"))["batch_tokens"])
        self.run.record(batch_tokens=chosen)
        return chosen

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """What an earlier attempt measured and kept in the file `name`, else measured now."""
        if not self.run.is_as_written(name):
            self.run.write_json(name, measure())
        return json.loads((self.run.path / name).read_text(encoding="utf-8"))


def answer(
    place: Place,
    spec: RunSpec,
    work: Callable[[Task], Finding],
    *,
    summary: str | None = None,
    scratch: Sequence[str] = (),
) -> Outcome:
    """Do the work of a question, or answer from the run that finished it.

    The outcome's summary is the JSON file `summary` (default: the result). Files in `scratch` are
    removed once the run is finished: checkpoints that only the work reads.
    """
    with open_run(place.runs, spec, scratch=scratch) as run:
        reused = run.finished
        if run.repaired:
            place.on_progress(0, 1, f"not as written, computed again: {', '.join(run.repaired)}")
        if reused:
            for reading in readings(run.path).values():
                _check_reader(run, reading)
                place.on_read(reading)
        else:
            _finish(run, work(Task(run, place)))
            for name in scratch:
                (run.path / name).unlink(missing_ok=True)
    text = (run.path / (summary or spec.result_name)).read_text(encoding="utf-8")
    return Outcome(run.path, run.result, reused, json.loads(text))


def readings(folder: Path) -> dict[str, Reading]:
    """What a run read, by name; runs of version 0.1 do not say."""
    details = read_manifest(folder)["details"]
    return {name: details[name] for name in READINGS if name in details}


def _check_reader(run: Run, reading: Reading) -> None:
    """Raise InputError where rows brought functions that are read in another way by now."""
    has_tools = any("tools" in shape["columns"] for shape in reading.get("shapes", {}).values())
    if has_tools and reading.get("tools_reader") != TOOLS_READER:
        raise InputError(
            f"the run '{run.path}' was made by a version that read functions (the column tools) in "
            "another way, so that its numbers may differ",
            expected="a run of this version",
            do="remove its folder, or pass another --runs, and run the command again",
        )


def _finish(run: Run, found: Finding) -> None:
    if found.model is not None:
        keep_facts(run, found.model)
    is_table = isinstance(found.content, pa.Table | TableStream)
    finish = run.finish_table if is_table else run.finish_json
    finish(run.spec.result_name, found.content, counts=found.counts)


def halved_note(run: Run, model: Loaded) -> str:
    halved = [dict(halving) for halving in model.memory.halvings]
    if not halved:
        return ""
    if read_manifest(run.path)["details"].get("out_of_memory") != halved:
        run.record(out_of_memory=halved)
    return f" (out of memory, halved to {halved[-1]['most']} {halved[-1]['kind']})"
