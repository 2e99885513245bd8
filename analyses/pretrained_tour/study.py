"""Finished runs of a pretrained model, which the app opens with: `data/tour_runs`.

    python -m analyses.pretrained_tour.study              # some 50 minutes of one core; resumes
    python -m analyses.pretrained_tour.study --bundle     # the same, then into data/tour_runs

SmolLM2 on GSM8K: what every head costs when it is uniform and when its output is at its mean, the
circuit of the first held against chance with and without its idle heads, 400 rows scored by both,
selections by the second, and the attention on a few rows, to be looked at without the model.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.bundling import ROOT, bundle
from analyses.shared import Study
from apps.passes.attention import LiveSample, live_sample
from apps.passes.kinds import KINDS, write_kinds
from apps.reading.kept_samples import KeptHead, KeptSample, write_kept
from apps.reading.workspace import KEPT
from workbench.circuits import circuit_of, head_kinds, read_heads
from workbench.data import read_usable
from workbench.engines import HookedEngine
from workbench.models import load_model
from workbench.runs import read_manifest
from workbench.stages import Place, run_chosen
from workbench.types import Head

MODEL, POOL = "smollm2-135m", "gsm8k"
N_PROBE, N_ROWS = 8, 400
# Places in the ranking whose attention is kept, as shares: the longest rows would take most room.
KEPT_AT = (0.0, 0.5, 0.85)
LEAST, N_SHOWN = 0.01, 16
CHECK = ["--n", "8", "--random", "20", "--control-n", "4", "--no-decode", "--curve-n", "8"]


def workbench(command: Sequence[str], work: Path) -> str:
    """What the command prints; its progress goes to the terminal."""
    start = [sys.executable, "-c", "from workbench.cli.main import main; main()"]
    print("$ workbench " + " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run([*start, *command], cwd=work, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"this command failed: {' '.join(command)}")
    return done.stdout


def rows_beside(study: Study) -> Path:
    """The rows that are scored, as a file beside the runs: `gsm8k-400.jsonl.gz`."""
    drawn = Path(study.drawn(POOL, N_ROWS))
    path = study.work / f"{POOL}-{N_ROWS}.jsonl.gz"
    path.write_bytes(gzip.compress(drawn.read_bytes(), mtime=0))
    return path


def awake_circuit(study: Study, heads: str) -> str:
    """The circuit of what contributes and is not idle, as the Heads page makes it."""
    path = study.work / heads / "heads.json"
    found = read_heads(path)
    awake = [h for h in found.heads if (h.contribution or 0) > LEAST and not h.idle]
    how = f"contribution above {LEAST:g}, not idle"
    chosen = run_chosen(
        Place(study.work / "runs"), path, [(h.layer, h.head) for h in awake], by=how
    )
    return f"runs/{chosen.run.name}"


def chain(study: Study) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Every run by a short name, as a path below the study's work, and the command behind it."""
    data, on = rows_beside(study).name, ["--model", MODEL]
    runs: dict[str, str] = {}
    said: dict[str, list[str]] = {}

    def run(name: str, *command: str) -> str:
        asked = [*command, "--runs", "runs"]
        runs[name] = str(json.loads(workbench([*asked, "--json"], study.work))["run"])
        said[name] = asked
        return runs[name]

    draw = ["--strategy", "random", "--n", str(N_PROBE)]
    probe = run("probe", "probe", "build", "--data", POOL, *draw, *on)
    find = ["heads", "find", "--method", "exact", "--probe", probe, *on]
    uniform = run("uniform", *find)
    mean = run("mean", *find, "--ablation", "mean")
    run("robust", "heads", "robust", "--heads", uniform, "--heads", mean, *on)
    awake = runs["awake"] = awake_circuit(study, uniform)
    for name, heads in (("uniform", uniform), ("awake", awake)):
        validate = ["heads", "validate", "--heads", heads, "--data", POOL, *CHECK, *on]
        run(f"validation, {name}", *validate)
        scored = ["score", "--heads", heads, "--data", data, "--with-loss", *on]
        run(f"scores, {name}", *scored)
    scores, draw = runs["scores, awake"], ["--fraction", "0.1"]
    run("soft", "select", "--scores", scores, "--policy", "soft", "--adjust", "length", *draw)
    run("top", "select", "--scores", scores, "--policy", "top", *draw)
    return runs, said


def printed(study: Study, runs: Mapping[str, str], said: Mapping[str, list[str]]) -> str:
    """What the finished runs say in the terminal, under a title each."""
    shown = {
        "Every head uniform": (["heads", "show", runs["uniform"]], N_SHOWN),
        "Every head at its mean output": (["heads", "show", runs["mean"]], N_SHOWN),
        "Both maps together": (["heads", "compare", runs["uniform"], runs["mean"]], 5),
        "The circuit against chance": (said["validation, uniform"], None),
        "Without its idle heads": (said["validation, awake"], None),
        "Scores by the circuit": (said["scores, uniform"], None),
        "Scores by the circuit without its idle heads": (said["scores, awake"], None),
    }
    lines = []
    for title, (command, n) in shown.items():
        text = [line for line in workbench(command, study.work).splitlines() if "runs/" not in line]
        more = [" ..."] if n and len(text) > n else []
        lines += [f"{title}:", "", "```", *(line.rstrip() for line in text[:n]), *more, "```", ""]
    return "\n".join(lines)


def keep_attention(scores: Path, heads: Path) -> None:
    """Beside the scores: the circuit's attention on rows high and low in the ranking."""
    model, circuit = load_model(MODEL), circuit_of(read_heads(heads / "heads.json")).heads
    table = pd.read_parquet(scores / "scores.parquet").sort_values("score", ascending=False)
    places = np.round(np.array(KEPT_AT) * (len(table) - 1)).astype(int)
    wanted = table["row_id"].iloc[places].tolist()
    data = [str(scores.parents[1] / name) for name in read_manifest(scores)["details"]["data"]]
    found = {sample.row_id: sample for sample in read_usable(data)}
    part = json.loads((scores / "summary.json").read_text(encoding="utf-8"))["part"]
    write_kept(
        scores / KEPT,
        [
            kept_sample(row_id, live_sample(model, found[row_id], part=part), circuit)
            for row_id in wanted
        ],
    )


def kept_sample(row_id: str, seen: LiveSample, circuit: Sequence[Head]) -> KeptSample:
    """What the pages would recompute."""
    windows = seen.model.windows
    by_head = {
        head: KeptHead(seen.pattern(head), seen.values(head), windows[head.layer])
        for head in circuit
    }
    return KeptSample(row_id, seen.texts(0, seen.n_tokens), seen.starts, by_head)


def keep_kinds(heads: Sequence[Path]) -> None:
    """Beside each run of heads: how much each head looks at the token before, and copies."""
    kinds = head_kinds(HookedEngine(load_model(MODEL)))
    for folder in heads:
        write_kinds(folder / f"{KINDS}.json", kinds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bundle", action="store_true", help="into data/tour_runs")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    runs, said = chain(study)
    at = {name: study.work / run for name, run in runs.items()}
    for name in ("uniform", "awake"):
        keep_attention(at[f"scores, {name}"], at[name])
    keep_kinds([at[name] for name in ("uniform", "mean", "robust", "awake")])
    study.report(runs, printed(study, runs, said), name="runs")
    if options.bundle:
        rows = [study.work / f"{POOL}-{N_ROWS}.jsonl.gz"]
        bundle(at.values(), ROOT / "data" / "tour_runs", beside=rows)


if __name__ == "__main__":
    main()
