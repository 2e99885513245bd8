"""Train `math-tiny`: `python analyses/reference_model/train.py --out DIR`.

Running the command again resumes from the last checkpoint and reads the same documents, so a
training that was interrupted ends with the weights of one that was not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from drophead import drop_heads
from evaluate import accuracy_by_steps
from mixture import documents, draw_problem, read_rows
from network import ARCHITECTURES, build_model
from optimizer import Muon
from safetensors.torch import load_file, save_file
from schedule import SCHEDULES, Schedule
from tokenizer import save_tokenizer, train_tokenizer
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

# Of prompt tokens, whose words nobody can foresee, and of completions that are hard to learn.
PROMPT_WEIGHT = 0.1
COMPLETION_WEIGHT = {"english": 0.3, "gsm8k": 0.5}
MUON_LR, ADAM_LR = 0.01, 2e-3
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def build_tokenizer(vocab_size: int, seed: int) -> PreTrainedTokenizerFast:
    rng = random.Random(seed)
    corpus = ["\n".join(draw_problem(rng)) for _ in range(12_000)]
    corpus += [f" {n}" for n in range(100)] * 2_000
    corpus += [f"{row['problem']}\n{row['solution']}" for row in read_rows("gsm8k")]
    corpus += [row["text"] for row in read_rows("english")]
    return train_tokenizer(corpus, vocab_size=vocab_size)


def encode(
    tokenizer: PreTrainedTokenizerFast, kind: str, prompt: str, completion: str
) -> tuple[list[int], list[float]]:
    """Token ids and the loss weight of each token (as a target)."""
    after = COMPLETION_WEIGHT.get(kind, 1.0)
    if not prompt:
        ids = tokenizer(completion, verbose=False)["input_ids"]
        return ids, [after] * len(ids)
    before = tokenizer(f"<|user|>{prompt}<|assistant|>")["input_ids"]
    answer = tokenizer(f"{completion}<|end|>")["input_ids"]
    return before + answer, [PROMPT_WEIGHT] * len(before) + [after] * len(answer)


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, schedule: Schedule, *, step: int, tokens: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[str]]]:
    """Ids and weights, padded on the right, each of about `tokens` tokens of similar length."""
    buckets: dict[int, list] = {}
    for kind, prompt, completion in documents(seed, schedule, step=step):
        ids, weights = encode(tokenizer, kind, prompt, completion)
        if len(ids) > 512:
            continue
        grain = 16 if len(ids) <= 128 else 64
        width = grain * math.ceil(len(ids) / grain)
        bucket = buckets.setdefault(width, [])
        bucket.append((ids, weights, kind))
        if len(bucket) * width >= tokens:
            pad = tokenizer.pad_token_id
            x = torch.tensor([i + [pad] * (width - len(i)) for i, _, _ in bucket])
            w = torch.tensor([v + [0.0] * (width - len(v)) for _, v, _ in bucket])
            yield x, w, [k for _, _, k in bucket]
            buckets[width] = []


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    args.out.mkdir(parents=True, exist_ok=True)
    if args.start and not (args.out / "tokenizer.json").exists():
        for name in TOKENIZER_FILES:
            shutil.copy(args.start / name, args.out / name)
    if (args.out / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(args.out)
    else:
        tokenizer = build_tokenizer(args.vocab, args.seed)
        save_tokenizer(tokenizer, args.out)
    if args.start:
        model = AutoModelForCausalLM.from_pretrained(args.start, dtype=torch.float32).to(device)
        model.train()
    else:
        model = build_model(args, tokenizer).to(device)
    matrices, others = split_parameters(model)
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=ADAM_LR, betas=(0.9, 0.98), weight_decay=0.0)
    state = args.out / "checkpoint"
    done, seconds, tokens_seen = load_checkpoint(state, model, muon, adam, device)
    schedule = SCHEDULES[args.schedule]
    log = (args.out / "log.jsonl").open("a", encoding="utf-8")

    while done < args.steps:
        stream = batches(
            tokenizer,
            args.seed * 1_000_003 + done,
            schedule,
            step=done,
            tokens=args.batch_tokens,
        )
        total, n_batches, began = 0.0, 0, time.time()
        kinds, kind_losses = Counter(), Counter()
        for _ in range(min(args.every, args.steps - done)):
            ids, weights, batch_kinds = next(stream)
            ids, weights = ids.to(device), weights.to(device)
            scale = schedule.rate_at(done, args.steps, args.decay)
            rate = args.drop_heads if schedule.phase_at(done).drops_heads else 0.0
            generator = torch.Generator().manual_seed(args.seed * 1_000_003 + done)
            with (
                drop_heads(model, rate, generator, n_layers=args.drop_layers),
                torch.autocast(device, torch.bfloat16, enabled=device == "cuda"),
            ):
                logits = model(input_ids=ids[:, :-1]).logits.float()
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
            )
            counted = weights[:, 1:].flatten()
            loss = (losses * counted).sum() / counted.sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(others, 1.0)
            muon.step(args.muon_lr * scale)
            for group in adam.param_groups:
                group["lr"] = args.adam_lr * scale
            adam.step()
            model.zero_grad(set_to_none=True)
            done += 1
            tokens_seen += ids.numel()
            total, n_batches = total + loss.item(), n_batches + 1
            for kind, value in zip(batch_kinds, completion_losses(losses, weights), strict=True):
                kinds[kind] += 1
                kind_losses[kind] += value
        seconds += time.time() - began
        save_checkpoint(state, model, muon, adam, (done, seconds, tokens_seen))
        record = {"step": done, "loss": round(total / n_batches, 4), "tokens": tokens_seen}
        record |= {"seconds": round(seconds), "kinds": dict(kinds)}
        record["losses"] = {kind: round(kind_losses[kind] / n, 4) for kind, n in kinds.items()}
        if done % args.evaluate_every < args.every or done == args.steps:
            record["accuracy"] = accuracy_by_steps(
                model, tokenizer, n=args.n_evaluate, seed=args.seed
            )
        print(json.dumps(record), flush=True)
        log.write(json.dumps(record) + "\n")
        log.flush()
    model.float().save_pretrained(args.out)


def split_parameters(
    model: torch.nn.Module,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Weight matrices, for Muon; and embeddings, biases and norms."""
    groups: tuple[list, list] = ([], [])
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim == 2 and not any(n in name for n in ("embed", "wte", "wpe"))
        groups[not is_matrix].append(parameter)
    return groups


def completion_losses(losses: torch.Tensor, weights: torch.Tensor) -> list[float]:
    """Mean loss of each document's completion, unweighted."""
    counted = (weights[:, 1:] > PROMPT_WEIGHT).float()
    by_row = losses.detach().view_as(counted) * counted
    return (by_row.sum(1) / counted.sum(1)).tolist()


def save_checkpoint(folder: Path, model, muon: Muon, adam, counts: tuple) -> None:
    folder.mkdir(exist_ok=True)
    tensors = {f"model.{k}": v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    tensors |= {f"muon.{'x'.join(map(str, s))}": b for s, b in muon.buffers.items()}
    for i, values in adam.state_dict()["state"].items():
        tensors |= {f"adam.{i}.{k}": v for k, v in values.items()}
    tensors["counts"] = torch.tensor(counts, dtype=torch.float64)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "state.tmp")
    (folder / "state.tmp").rename(folder / "state.safetensors")


def load_checkpoint(folder: Path, model, muon: Muon, adam, device: str) -> tuple[int, float, int]:
    if not (folder / "state.safetensors").exists():
        return 0, 0.0, 0
    tensors = load_file(folder / "state.safetensors", device=device)
    model.load_state_dict(
        {k[6:]: v for k, v in tensors.items() if k.startswith("model.")}, strict=False
    )
    muon.buffers = {s: tensors[f"muon.{'x'.join(map(str, s))}"] for s in muon.buffers}
    saved: dict[int, dict] = {}
    for key, value in tensors.items():
        if key.startswith("adam."):
            _, i, name = key.split(".")
            saved.setdefault(int(i), {})[name] = value
    adam.load_state_dict({**adam.state_dict(), "state": saved})
    done, seconds, tokens_seen = tensors["counts"].tolist()
    return int(done), seconds, int(tokens_seen)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="model folder to go on from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--schedule", choices=SCHEDULES, default="problems-first")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="llama")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--d-mlp", type=int, default=512)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--kv-heads", type=int, default=4)
    parser.add_argument("--head-dim", type=int, default=32)
    parser.add_argument("--rope-theta", type=float, default=10000.0)
    parser.add_argument("--look-back", action="store_true", help="see lookback.py")
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--muon-lr", type=float, default=MUON_LR)
    parser.add_argument("--adam-lr", type=float, default=ADAM_LR)
    parser.add_argument("--decay", type=float, default=0.7)
    parser.add_argument("--drop-heads", type=float, default=0.1, help="share made uniform")
    parser.add_argument("--drop-layers", type=int, default=1, help="the first layers alone")
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--evaluate-every", type=int, default=500)
    parser.add_argument("--n-evaluate", type=int, default=40)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


if __name__ == "__main__":
    main()
