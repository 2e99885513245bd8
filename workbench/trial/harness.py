"""Tasks of lm-evaluation-harness on a network, problem by problem.

    tasks = HarnessTasks.of(["parity"], folder=folder, limit=50)
    for outcome in tasks.outcomes(network):
        outcome.measure, outcome.values.mean()

Prompts, examples in them and metrics are the task's own; no chat template is put around them.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.amplification import PlainNetwork
from workbench.config import file_digest
from workbench.errors import InputError
from workbench.tuning import quiet

ROWS_AT_ONCE = 8
LOUD = ("lm_eval", "datasets", "evaluate", "absl")


@dataclass(frozen=True)
class TaskOutcome:
    """What a task's first metric gives each of its problems, in the task's order."""

    task: str
    metric: str
    is_higher_better: bool
    values: Float64[np.ndarray, " problem"]

    @property
    def measure(self) -> str:
        return f"{self.task} ({self.metric})"


@dataclass(frozen=True)
class HarnessTasks:
    """Tasks or groups by name, at most the first `limit` problems of each task.

    What a task's file names is run: `folder` is for tasks that one trusts.
    """

    names: tuple[str, ...]
    manager: Any
    limit: int | None = None

    @classmethod
    def of(
        cls, names: Sequence[str], *, folder: str | None = None, limit: int | None = None
    ) -> HarnessTasks:
        """Raises InputError without the extra `eval`, and for names that no task has."""
        require_harness()
        if folder is not None and not Path(folder).is_dir():
            raise InputError(f"there is no folder of tasks '{folder}'", do="pass --task-folder DIR")
        with _quiet():
            from lm_eval.tasks import TaskManager

            manager = TaskManager(include_path=folder)
        known = {*manager.all_subtasks, *manager.all_groups}
        for name in names:
            if name not in known:
                near = ", ".join(get_close_matches(name, known, n=3))
                raise InputError(
                    f"lm-evaluation-harness has no task '{name}'",
                    expected=f"a task's name, as {near}" if near else "a task's name",
                    do="see `lm_eval ls tasks`, or name the folder of your own by --task-folder",
                )
        return cls(tuple(dict.fromkeys(names)), manager, limit)

    def outcomes(self, network: PlainNetwork) -> list[TaskOutcome]:
        """One a name; a group's problems are those of its tasks, one task after another."""
        with _quiet():
            # Decorated beyond what a type checker can follow.
            run: Any = import_module("lm_eval").simple_evaluate
            wrap: Any = import_module("lm_eval.models.huggingface").HFLM
            model = wrap(
                pretrained=network.wrapped, tokenizer=network.tokenizer, batch_size=ROWS_AT_ONCE
            )
            try:
                found = run(
                    model,
                    tasks=list(self.names),
                    limit=self.limit,
                    task_manager=self.manager,
                    bootstrap_iters=0,
                )
            except (OSError, ValueError, KeyError, ImportError) as err:
                raise InputError(
                    f"the tasks {', '.join(self.names)} cannot be run: {err}",
                    do="try them with `lm_eval --tasks`; their data come from the hub",
                ) from err
        return [_outcome(found, name) for name in self.names]


def require_harness() -> None:
    """InputError naming the extra unless lm-evaluation-harness is installed."""
    try:
        with _quiet():
            import lm_eval  # noqa: F401
    except ImportError as err:
        raise InputError(
            f"tasks need the package 'lm_eval', which cannot be imported ({err})",
            do="pip install 'circuit-workbench[eval]'",
        ) from err


def tasks_fingerprint(folder: str | None) -> dict[str, Any]:
    """The harness's version, and what stands in the folder of one's own tasks."""
    require_harness()
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else []
    own = {str(path.relative_to(str(folder))): file_digest(path) for path in files}
    return {"lm_eval": version("lm_eval"), "folder": own}


def _outcome(found: Mapping[str, Any], name: str) -> TaskOutcome:
    tasks = list(_tasks_of(found, name))
    metric, is_higher_better = _metric(found, tasks[0])
    if any(_metric(found, task) != (metric, is_higher_better) for task in tasks):
        raise InputError(
            f"the tasks of the group '{name}' are measured by different metrics",
            do="name those that you mean one by one",
        )
    values = [value for task in tasks for value in _values(found, task, metric)]
    return TaskOutcome(name, metric, is_higher_better, np.array(values, dtype=np.float64))


def _tasks_of(found: Mapping[str, Any], name: str) -> Iterator[str]:
    """The task itself, or those below a group."""
    below = found["group_subtasks"].get(name)
    if not below:
        yield name
    for part in below or ():
        yield from _tasks_of(found, part)


def _metric(found: Mapping[str, Any], task: str) -> tuple[str, bool]:
    asked = found["configs"][task].get("metric_list") or [{}]
    name = asked[0].get("metric") or next(iter(found["samples"][task][0]["metrics"]))
    return str(name), bool(found["higher_is_better"][task].get(name, True))


def _values(found: Mapping[str, Any], task: str, metric: str) -> Iterable[float]:
    """One a problem, after the task's first filter."""
    samples = found["samples"][task]
    first = samples[0]["filter"]
    for sample in samples:
        value = sample.get(metric)
        if sample["filter"] != first:
            continue
        if not isinstance(value, bool | int | float | np.number):
            raise InputError(
                f"the task '{task}' does not measure {metric} problem by problem",
                expected="a metric with a number for each problem, as acc or exact_match",
                do="name another task",
            )
        yield float(value)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The harness tells of its own progress on stderr; the run tells of its."""
    with (
        quiet(LOUD),
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield
