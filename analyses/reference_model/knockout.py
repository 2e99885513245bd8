"""Greedy answers with heads knocked out: the circuit against layer-matched random sets.

    python analyses/reference_model/knockout.py FOLDER --heads HEADS.json

Independent of the workbench's engine: heads are made uniform by zeroing their queries in
`transformers` (after projection and bias; Llama's rotation keeps zero at zero, and the softmax of
equal scores is uniform over the visible keys), and answers are decoded with a key-value cache.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from evaluate import answer, held_out_problems
from transformers import AutoModelForCausalLM, AutoTokenizer

from workbench.circuits import circuit_of, layer_matched_sets, read_heads
from workbench.types import Head


@contextmanager
def zero_queries(model: torch.nn.Module, heads: Sequence[Head]) -> Iterator[None]:
    """Uniform attention in `heads` of a Llama for the duration of the block."""
    d_head = model.config.head_dim

    def hook_for(chosen: list[int]):
        def zero(_module, _args, output):
            output = output.clone()
            for head in chosen:
                output[..., head * d_head : (head + 1) * d_head] = 0
            return output

        return zero

    layers = sorted({head.layer for head in heads})
    handles = [
        model.model.layers[layer].self_attn.q_proj.register_forward_hook(
            hook_for([h.head for h in heads if h.layer == layer])
        )
        for layer in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def accuracy(model, tokenizer, problems, heads: Sequence[Head]) -> float:
    """Share of exactly right final answers with `heads` uniform together."""
    with zero_queries(model, heads):
        answers = answer(model, tokenizer, [p.prompt for p in problems], max_new_tokens=120)
    right = [
        text.rsplit("####", 1)[-1].strip() == str(problem.answer)
        for text, problem in zip(answers, problems, strict=True)
    ]
    return sum(right) / len(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--n", type=int, default=60, help="problems of each step count")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--random", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(args.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(args.folder)
    problems = [p for k in args.steps for p in held_out_problems(k, args.n, args.seed)]
    circuit = circuit_of(read_heads(args.heads)).heads
    draws = layer_matched_sets(
        circuit, n_heads=model.config.num_attention_heads, n_sets=args.random, seed=args.seed
    )
    base = accuracy(model, tokenizer, problems, ())
    with_circuit = accuracy(model, tokenizer, problems, circuit)
    random = [accuracy(model, tokenizer, problems, heads) for heads in draws]
    mean_cost = base - sum(random) / len(random)
    report = {
        "n_problems": len(problems),
        "steps": args.steps,
        "circuit": [f"{h.layer}.{h.head}" for h in circuit],
        "accuracy": base,
        "accuracy_circuit_uniform": with_circuit,
        "accuracy_random_uniform": sorted(random),
        "cost": base - with_circuit,
        "mean_random_cost": mean_cost,
        "cost_ratio": (base - with_circuit) / mean_cost if mean_cost > 0 else None,
        "p": (1 + sum(a <= with_circuit for a in random)) / (1 + len(random)),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
