"""Tasks of lm-evaluation-harness in a trial: the numbers of a plain pass, by arm, resumed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.trial.made import TUNING, Made, rows_of, write_tasks
from workbench.errors import InputError
from workbench.models import load_plain
from workbench.options import TrialOptions
from workbench.stages import Place, run_trial
from workbench.trial import HarnessTasks, Measured, network_of, trial_report

pytest.importorskip("trl", reason="needs the extra `train`")
pytest.importorskip("lm_eval", reason="needs the extra `eval`")

# The harness and what it imports warn of much that is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")
PROBLEMS = [f"{a} and {a} make {2 * a}, which is " for a in range(7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tasks(tmp_path_factory.mktemp("harness") / "tasks", PROBLEMS)


@pytest.fixture(scope="module")
def made(checkpoint, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("trial"), checkpoint("llama"))


@pytest.fixture(scope="module")
def network(made):
    return network_of(*load_plain(made.source.name))


@torch.no_grad()
def log_likelihood(network, prompt, answer):
    """Of the answer's tokens, with the prompt cut where the harness cuts it."""
    whole = network.tokenizer.encode(f"{prompt.rstrip()} {answer}")
    n = len(network.tokenizer.encode(prompt.rstrip()))
    logits = network.wrapped(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(float(logits[place - 1, whole[place]]) for place in range(n, len(whole)))


def test_a_task_gives_each_problem_what_a_plain_pass_gives(network, folder):
    (outcome,) = HarnessTasks.of(["parity"], folder=folder, limit=5).outcomes(network)
    chosen = [
        np.argmax([log_likelihood(network, problem, word) for word in ("even", "odd")])
        for problem in PROBLEMS[:5]
    ]
    assert outcome.measure == "parity (acc)"
    assert outcome.is_higher_better
    assert outcome.values.tolist() == [float(choice == 0) for choice in chosen]


def test_a_trial_measures_its_arms_by_tasks_and_goes_on_where_it_was(made, folder, tmp_path):
    asked = made.asked(made.selection("top", n=6), rows=rows_of(4, first=200))
    options = TrialOptions(seeds=2, tokens=200, tasks=("parity",), task_folder=folder, task_n=4)
    done = run_trial(made.place, made.source, asked, options, TUNING)
    frame = pq.read_table(done.run / "tasks.parquet").to_pandas()
    report = done.summary
    assert len(frame) == 4 * (2 * len(report["arms"]) + 1)
    assert report["tasks"] == {"parity (acc)": {"lower_is_better": False}}
    top = next(arm for arm in report["arms"] if arm["kind"] == "selection")
    of_top = frame[(frame["arm"] == top["name"]) & (frame["seed"] == 1)]
    assert top["parity (acc)_by_seed"][1] == of_top["value"].mean()
    compared = [c for c in report["comparisons"] if c["measure"] == "parity (acc)"]
    assert len(compared) == sum(c["measure"] == "loss" for c in report["comparisons"])
    assert any(said.startswith(f"{top['name']}, parity (acc): ") for said in report["verdict"])
    assert "parity (acc)" in (done.run / "trial.html").read_text()

    def stop(n, _total, text):
        if "seed 1" in text:
            raise KeyboardInterrupt

    runs = tmp_path / "runs"
    runs.mkdir()
    for path in made.place.runs.glob("s*"):
        (runs / path.name).symlink_to(path)
    with pytest.raises(KeyboardInterrupt):
        run_trial(Place(runs, stop), made.source, asked, options, TUNING)
    resumed = run_trial(Place(runs), made.source, asked, options, TUNING)
    for name in ("report.json", "tasks.parquet", "trial.html"):
        assert (resumed.run / name).read_bytes() == (done.run / name).read_bytes()


def test_a_trial_without_tasks_keeps_the_name_that_it_had():
    plain = TrialOptions(seeds=2, accuracy=3)
    assert plain.asked == {"seeds": 2, "tokens": None, "eval_n": None, "accuracy": 3, "seed": 0}
    assert replace(plain, tasks=("parity",)).asked["tasks"] == ("parity",)


def test_a_task_whose_metric_falls_is_better_when_it_is_lower(made):
    from workbench.selection import read_drawn, shared_pool
    from workbench.trial import arms_of

    drawn = [read_drawn(made.selection("top", n=6), made.place.runs)]
    arms = arms_of(drawn, shared_pool(drawn))
    same = {arm.name: np.ones((2, 3)) for arm in arms}
    lower = same | {arms[2].name: np.zeros((2, 3))}
    measured = Measured(same, {}, {}, {"t (ppl)": lower, "t (acc)": lower}, frozenset({"t (ppl)"}))
    report = trial_report(arms, measured)
    says = {
        c["measure"]: c["says"]
        for c in report["comparisons"]
        if (c["arm"], c["against"]) == (arms[2].name, "random")
    }
    assert says == {"loss": "no difference", "t (ppl)": "better", "t (acc)": "worse"}
    assert report["beat"] == []
    assert (
        f"{arms[2].name}, t (ppl): better than random rows, -1.0000 (-1.0000 to -1.0000)."
        in (report["verdict"])
    )


@pytest.mark.parametrize(
    ("name", "folder_name", "said"),
    [("parityy", None, "no task 'parityy'"), ("parity", "absent", "no folder of tasks 'absent'")],
)
def test_a_task_that_is_not_there_is_one_sentence(name, folder_name, said, folder):
    with pytest.raises(InputError, match=said):
        HarnessTasks.of([name], folder=folder_name or folder)


def test_a_metric_of_the_whole_text_is_refused(network, folder, tmp_path):
    task = json.loads((tmp_path.__class__(folder) / "parity.yaml").read_text())
    whole = task | {
        "task": "whole",
        "output_type": "loglikelihood_rolling",
        "doc_to_target": "{{problem}}",
        "metric_list": [{"metric": "word_perplexity"}],
    }
    (tmp_path / "whole.yaml").write_text(json.dumps(whole))
    tasks = HarnessTasks.of(["whole"], folder=str(tmp_path), limit=2)
    with pytest.raises(InputError, match="does not measure word_perplexity problem by problem"):
        tasks.outcomes(network)
