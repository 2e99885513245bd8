"""The whole chain for Qwen2.5-Math-1.5B-Instruct and OpenR1 data on one GPU.

    python -m analyses.real_scale.study                 # a GPU with 24 GB or more, and the hub
    python -m analyses.real_scale.study --shape-only    # random weights of that shape, anywhere

Each step is the command of that name; the plan (`--explain`) is printed first. Running it again
resumes. `--shape-only` writes a folder of the model's exact shape with random weights and takes two
short batches through every step: it shows that the commands run at this size, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from analyses.shared import Study, step_table, timed
from workbench.bundled import bundled_dir
from workbench.data import read_usable, write_jsonl

MODEL = "Qwen/Qwen2.5-Math-1.5B-Instruct"
DATA = "hf:open-r1/OpenR1-Math-220k:default:train"
# As in the model's published config.json.
SHAPE = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "max_position_embeddings": 4096,
    "rope_theta": 10_000.0,
    "tie_word_embeddings": True,
}


def write_shape(folder: Path) -> Path:
    """Random weights of the model's shape in bfloat16, with the bundled model's tokenizer."""
    if (folder / "model.safetensors").exists():
        return folder
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        Qwen2ForCausalLM(Qwen2Config(**SHAPE)).save_pretrained(folder)
    finally:
        torch.set_default_dtype(before)
    source = bundled_dir("data") / "models" / "math-tiny"
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(source / name, folder / name)
    return folder


def short_rows(path: Path, n: int) -> str:
    """The `n` shortest problems of `generated`: two batches at the size that the commands take."""
    rows = sorted((dict(s.row) for s in read_usable(["generated"])), key=lambda r: len(str(r)))
    write_jsonl(path, rows[:n])
    return str(path)


def commands(model: str, data: str, runs: Path, out: Path, *, full: bool) -> list[list[str]]:
    """The chain; without `full`, two rows wherever a number is asked for."""
    place = ["--runs", str(runs)]
    chosen = ["--model", model, "--dtype", "bfloat16", *place]
    n = "300" if full else "2"
    validate = ["--n", "200", "--random", "50"] if full else ["--n", "2", "--random", "2"]
    validate += [] if full else ["--no-control", "--no-decode", "--curve-n", "0"]
    tenth = ["--fraction", "0.1", "--adjust", "length"]
    return [
        ["probe", "build", "--data", data, "--n", n, *chosen],
        ["heads", "find", "--probe", "probe-highest-loss", "--method", "screen", *chosen],
        ["heads", "validate", "--heads", "heads-screen", "--data", data, *validate, *chosen],
        ["score", "--heads", "heads-screen", "--data", data, *chosen],
        ["select", "--scores", "score-circuitseer", "--policy", "soft", *tenth, *place],
        ["export", "--selection", "select-soft", "--out", str(out), *place],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--shape-only", action="store_true")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    study = Study.at(__file__, work=options.work)
    runs, out = study.work / "runs", study.work / "subset"
    model, data = options.model, options.data
    if options.shape_only:
        model = str(write_shape(study.work / "shape-1.5b"))
        data = short_rows(study.work / "short.jsonl", 12)
        runs, out = study.work / "shape-runs", study.work / "shape-subset"
    kept = study.work / ("shape-steps.json" if options.shape_only else "steps.json")
    steps = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for command in commands(model, data, runs, out, full=not options.shape_only):
        name = " ".join(word for word in command[:2] if not word.startswith("-"))
        if name in steps:
            continue
        if command[0] in ("heads", "score"):
            timed([*command, "--explain"])
        steps[name] = timed(command)
        kept.write_text(json.dumps(steps, indent=1), encoding="utf-8")
    print(step_table(steps))
    title = "Two short batches, random weights:" if options.shape_only else "The whole run:"
    study.report(
        {"shape_of": options.model, "random_weights": options.shape_only, "steps": steps},
        f"{title}\n\n{step_table(steps)}",
        name="shape" if options.shape_only else "full",
    )


if __name__ == "__main__":
    main()
