"""Greedy accuracy of a model on held-out generated problems, by number of steps.

python analyses/reference_model/evaluate.py FOLDER --n 200
"""

from __future__ import annotations

import argparse
import json
import random

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from workbench.data import MAX_STEPS, Problem, is_held_out, make_problem


def held_out_problems(n_steps: int, n: int, seed: int) -> list[Problem]:
    rng = random.Random(f"held-out {seed} {n_steps}")
    problems = []
    while len(problems) < n:
        problem = make_problem(rng, n_steps=n_steps, n_distractors=rng.randint(0, 3))
        if is_held_out(problem.prompt):
            problems.append(problem)
    return problems


@torch.no_grad()
def answer(model, tokenizer, prompts: list[str], *, max_new_tokens: int = 280) -> list[str]:
    """Greedy completions of `prompts`, decoded in one left-padded batch."""
    texts = [f"<|user|>{prompt}<|assistant|>" for prompt in prompts]
    inputs = tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")
    ids = inputs["input_ids"].to(model.device)
    mask = inputs["attention_mask"].to(model.device)
    out = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
    )
    return tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)


def accuracy_by_steps(model, tokenizer, *, n: int, seed: int) -> dict[int, float]:
    """Share of exactly right final answers among `n` held-out problems of each step count."""
    model.eval()
    result = {}
    for n_steps in range(1, MAX_STEPS + 1):
        problems = held_out_problems(n_steps, n, seed)
        answers = answer(model, tokenizer, [problem.prompt for problem in problems])
        right = [
            text.rsplit("####", 1)[-1].strip() == str(problem.answer)
            for text, problem in zip(answers, problems, strict=True)
        ]
        result[n_steps] = sum(right) / n
    model.train()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(args.folder)
    tokenizer = AutoTokenizer.from_pretrained(args.folder)
    print(json.dumps(accuracy_by_steps(model, tokenizer, n=args.n, seed=args.seed)))


if __name__ == "__main__":
    main()
