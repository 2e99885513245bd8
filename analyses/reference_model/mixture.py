"""What `math-tiny` reads: generated problems above all, and a little of everything it is probed on.

`documents(seed, schedule, step=0)` yields endless `(kind, prompt, completion)`; plain text has no
prompt. The stream is a pure function of its seed and schedule, so a resumed training reads what an
unbroken one reads.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from schedule import Schedule

from workbench.data import SETTINGS, Problem, is_held_out, make_document, make_problem

TRAIN_DATA = Path(__file__).resolve().parents[2] / "data" / "training"
STEP_WEIGHTS = (1.0, 1.2, 1.5, 1.5, 1.0, 0.8, 0.6, 0.5)
DISTRACTOR_WEIGHTS = (0.3, 0.3, 0.25, 0.15)
N_LOOKUPS = 10


def read_rows(name: str) -> list[dict]:
    with gzip.open(TRAIN_DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_sentences() -> list[str]:
    """Sentences of 5 to 20 plain words from the English training text."""
    sentences = []
    for row in read_rows("english"):
        for sentence in re.split(r"(?<=[.!?])\s+", row["text"]):
            n_words = len(sentence.split())
            if 5 <= n_words <= 20 and re.fullmatch(r"[A-Z][A-Za-z ,.!?;'-]+", sentence):
                sentences.append(sentence)
    return sentences


def draw_problem(rng: random.Random, *, longest: int = 8) -> tuple[str, str]:
    """A problem of at most `longest` steps, outside the held-out tenth."""
    while True:
        problem = make_problem(
            rng,
            n_steps=rng.choices(range(1, longest + 1), STEP_WEIGHTS[:longest])[0],
            n_distractors=rng.choices(range(4), DISTRACTOR_WEIGHTS)[0],
        )
        if not is_held_out(problem.prompt):
            return problem.prompt, problem.completion


def draw_short(rng: random.Random) -> tuple[str, str]:
    """One or two steps among other facts: most wrong answers of `math-tiny` were of this kind."""
    while True:
        n_steps, n_distractors = rng.randint(1, 2), rng.randint(1, 3)
        problem = make_problem(rng, n_steps=n_steps, n_distractors=n_distractors)
        if not is_held_out(problem.prompt):
            return problem.prompt, problem.completion


def draw_unseen(rng: random.Random, *, longest: int, most_distractors: int = 0) -> Problem:
    """A problem of 2 to `longest` steps that is not held out."""
    while True:
        n_steps = rng.randint(2, longest)
        n_distractors = rng.randint(0, most_distractors) if most_distractors else 0
        problem = make_problem(rng, n_steps=n_steps, n_distractors=n_distractors)
        if not is_held_out(problem.prompt):
            return problem


def draw_recall(rng: random.Random, *, with_replacement: bool) -> tuple[str, str]:
    """Facts as in a problem, and then again in another order, or ten of them.

    One lookup after another: looking facts up is the skill that problems exercise too seldom for a
    small model to discover it there.
    """
    problem = draw_unseen(rng, longest=7 if with_replacement else 5)
    opener, *facts, _question = re.split(r"(?<=[.?]) ", problem.prompt)
    prompt = " ".join([opener, *facts, "What do we know?"])
    return prompt, "\n".join(repeated(rng, facts, with_replacement=with_replacement))


def draw_list(rng: random.Random, *, with_replacement: bool) -> tuple[str, str]:
    """Given numbers side by side, and then again in another order, or ten of them."""
    setting = rng.choice(list(SETTINGS.values()))
    names = rng.sample(setting.entities, rng.randint(3, 7))
    facts = [setting.base.format(x=name, n=rng.randint(2, 20)) for name in names]
    prompt = " ".join([*facts, "What do we know?"])
    return prompt, "\n".join(repeated(rng, facts, with_replacement=with_replacement))


def repeated(rng: random.Random, facts: list[str], *, with_replacement: bool) -> list[str]:
    if with_replacement:
        return rng.choices(facts, k=N_LOOKUPS)
    rng.shuffle(facts)
    return facts


def draw_plan(rng: random.Random) -> tuple[str, str]:
    """Facts as in a problem, and what ten of their names need, drawn with replacement."""
    problem = draw_unseen(rng, longest=7, most_distractors=2)
    facts = problem.prompt.rsplit(". ", 1)[0]
    needs = [f"{fact.entity} needs {' and '.join(fact.refs)}" for fact in problem.steps]
    return f"{facts}. What needs what?", ", ".join(rng.choices(needs, k=N_LOOKUPS)) + "."


def draw_drill(rng: random.Random) -> str:
    """Eight sums, differences and small products."""
    lines = []
    for _ in range(8):
        sign = rng.choice("+-*")
        left, right = rng.randint(1, 60), rng.choice((rng.randint(2, 10), rng.randint(2, 39)))
        if sign == "*":
            left, right = rng.randint(1, 20), rng.randint(2, 4)
        if sign == "-":
            left += right
        value = {"+": left + right, "-": left - right, "*": left * right}[sign]
        lines.append(f", so {left} {sign} {right} = {value}.")
    return "\n".join(lines)


def scrambled(rng: random.Random, words: list[str]) -> str:
    """Four to fourteen unforeseeable words, some cut short: all that is left is to copy."""
    drawn = rng.choices(words, k=rng.randint(4, 14))
    return " ".join(w[: rng.randint(1, max(1, len(w)))] if rng.random() < 0.3 else w for w in drawn)


def draw_echo(rng: random.Random, sentences: list[str]) -> tuple[str, str]:
    """Sentences, and then some of them again, drawn with replacement."""
    said = rng.sample(sentences, rng.randint(2, 5))
    return "\n".join(said), "\n".join(rng.choices(said, k=4))


def draw_values(rng: random.Random, sentences: list[str]) -> tuple[str, str]:
    """Key-value pairs, and then the values of five keys, drawn with replacement."""
    n_pairs, key_length = rng.randint(2, 5), rng.choice((4, 8, 16, 32))
    document = make_document(
        rng, sentences, n_pairs=n_pairs, n_shots=n_pairs - 1, key_length=key_length
    )
    pairs, *asked = re.split(r"(?<=\n)(?=Key: )", document.prompt)
    asked[-1] += f" {document.completion}\n"
    return pairs, "".join(rng.choices(asked, k=5))


def documents(seed: int, schedule: Schedule, *, step: int) -> Iterator[tuple[str, str, str]]:
    rng = random.Random(seed)
    gsm8k, english, sentences = read_rows("gsm8k"), read_rows("english"), read_sentences()
    # To scramble: at first every word of the plain text, later those of the text read last.
    words = sorted({word for row in english for word in row["text"].split()})
    phase, again = schedule.phase_at(step), schedule.with_replacement
    mixture = phase.kinds
    kinds, weights = list(mixture), list(mixture.values())
    while True:
        kind = rng.choices(kinds, weights)[0]
        values = sentences
        if phase.scrambles and kind in ("echo", "values", "retrieval") and rng.random() < 0.8:
            values = [scrambled(rng, words) for _ in range(6)]
        if kind == "problem":
            yield kind, *draw_problem(rng, longest=phase.longest)
        elif kind == "short":
            yield kind, *draw_short(rng)
        elif kind == "recall":
            yield kind, *draw_recall(rng, with_replacement=again)
        elif kind == "list":
            yield kind, *draw_list(rng, with_replacement=again)
        elif kind == "plan":
            yield kind, *draw_plan(rng)
        elif kind == "drill":
            yield kind, "", draw_drill(rng)
        elif kind == "echo":
            yield kind, *draw_echo(rng, values)
        elif kind == "values":
            yield kind, *draw_values(rng, values)
        elif kind == "retrieval":
            n_pairs = rng.randint(2, 6)
            document = make_document(
                rng,
                values,
                n_pairs=n_pairs,
                n_shots=rng.randint(0, min(3, n_pairs - 1)),
                key_length=rng.choice((4, 8, 16, 32)),
            )
            yield kind, document.prompt, document.completion
        elif kind == "gsm8k":
            row = rng.choice(gsm8k)
            yield kind, row["problem"], row["solution"]
        else:
            words = rng.choice(english)["text"].split(" ")
            start = rng.randrange(max(1, len(words) - 90))
            yield kind, "", " ".join(words[start : start + 90])
