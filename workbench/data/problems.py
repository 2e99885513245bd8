"""Word problems whose dependency graph is known.

A trained model needs problems whose difficulty is a fact and not an opinion. Every problem here is
a set of stated facts (`Tom has 3 more apples than Ann.`) in shuffled order, some of them
distractors, and a question. The graph, the number of steps and a worked solution come with it.

    problem = make_problem(random.Random(0), n_steps=3, n_distractors=2)
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

MAX_VALUE = 99
MAX_STEPS = 8

NAMES = (
    "Tom Ann Bob Sue Joe Mia Sam Eva Max Lia Ben Zoe Dan Kim Leo Amy Jack Nina Paul Rosa "
    "Adam Emma Noah Lucy Omar Ivy Hugo Nora Carl Ella Ravi Anna Luis Maya Finn Jane Alan Rita "
    "Eric Vera"
).split()
COLOURS = "red blue green black white brown pink grey gold silver orange purple yellow".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ITEMS = (
    "apples pears books pens coins stamps cards shells cakes eggs balls stones cups beads "
    "nuts plums keys toys hats bells"
).split()
OPENERS = (
    "Let us count {items}.",
    "This story is about {items}.",
    "We look at {items} today.",
    "Here are some {items}.",
)


@dataclass(frozen=True)
class Setting:
    """How one kind of story words its facts; `x`, `y`, `z` are entities, `n` a number."""

    name: str
    entities: tuple[str, ...]
    base: str
    add: str
    sub: str
    times: str
    sum: str
    question: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            name="people",
            entities=tuple(NAMES),
            base="Now {x} has {n} {items}.",
            add="Now {x} has {n} more {items} than {y}.",
            sub="Now {x} has {n} fewer {items} than {y}.",
            times="Now {x} has {n} times as many {items} as {y}.",
            sum="Now {x} has as many {items} as {y} and {z} together.",
            question="How many {items} does {x} have?",
        ),
        Setting(
            name="boxes",
            entities=tuple(COLOURS),
            base="The {x} box holds {n} {items}.",
            add="The {x} box holds {n} more {items} than the {y} box.",
            sub="The {x} box holds {n} fewer {items} than the {y} box.",
            times="The {x} box holds {n} times as many {items} as the {y} box.",
            sum="The {x} box holds as many {items} as the {y} box and the {z} box together.",
            question="How many {items} does the {x} box hold?",
        ),
        Setting(
            name="days",
            entities=tuple(DAYS),
            base="On {x} we sold {n} {items}.",
            add="On {x} we sold {n} more {items} than on {y}.",
            sub="On {x} we sold {n} fewer {items} than on {y}.",
            times="On {x} we sold {n} times as many {items} as on {y}.",
            sum="On {x} we sold as many {items} as on {y} and on {z} together.",
            question="How many {items} did we sell on {x}?",
        ),
    )
}
SYMBOLS = {"add": "+", "sub": "-", "times": "*", "sum": "+"}


@dataclass(frozen=True)
class Fact:
    """One stated quantity: `op` is base, add, sub, times or sum, `refs` the entities it uses."""

    entity: str
    op: str
    refs: tuple[str, ...]
    number: int | None
    value: int

    def sentence(self, setting: Setting, items: str) -> str:
        """The fact as the problem states it."""
        refs = dict(zip("yz", self.refs, strict=False))
        return getattr(setting, self.op).format(x=self.entity, n=self.number, items=items, **refs)

    def calculation(self, values: dict[str, int]) -> str:
        """`5 + 3 = 8`: the numbers put in, and the value; `values` are those known by then."""
        left = values[self.refs[0]]
        right = values[self.refs[1]] if self.op == "sum" else self.number
        return f"{left} {SYMBOLS[self.op]} {right} = {self.value}"


@dataclass(frozen=True)
class Problem:
    """A question, its worked solution and the graph behind both.

    `steps` are the facts that must be evaluated, in order; `bases` the given quantities they use;
    `distractors` the stated facts that the answer does not need.
    """

    prompt: str
    completion: str
    answer: int
    setting: str
    steps: tuple[Fact, ...]
    bases: tuple[Fact, ...]
    distractors: tuple[str, ...]

    @property
    def n_steps(self) -> int:
        return len(self.steps)

    @property
    def n_merges(self) -> int:
        return sum(fact.op == "sum" for fact in self.steps)

    @property
    def difficulty(self) -> float:
        """Steps, plus half a point for each distractor and each fact that joins two quantities."""
        return self.n_steps + 0.5 * len(self.distractors) + 0.5 * self.n_merges

    def to_row(self) -> dict:
        """The problem as a data row; the graph maps each needed entity to the entities it uses."""
        return {
            "id": f"generated-{fingerprint(self.prompt)[:16]}",
            "source": "generated",
            "problem": self.prompt,
            "solution": self.completion,
            "answer": str(self.answer),
            "level": self.n_steps,
            "subject": self.setting,
            "n_steps": self.n_steps,
            "n_distractors": len(self.distractors),
            "difficulty": self.difficulty,
            "graph": {fact.entity: list(fact.refs) for fact in (*self.bases, *self.steps)},
        }


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_held_out(prompt: str) -> bool:
    """True for the tenth of all problems, chosen by hash, that training never sees."""
    return int(fingerprint(prompt)[:8], 16) % 10 == 0


def make_problem(
    rng: random.Random,
    *,
    n_steps: int,
    n_distractors: int = 0,
    setting: str | None = None,
) -> Problem:
    """Draw one problem of exactly `n_steps` steps (1 to 8) with `n_distractors` unneeded facts."""
    if not 1 <= n_steps <= MAX_STEPS:
        raise ValueError(f"n_steps is {n_steps}, expected 1 to {MAX_STEPS}")
    if n_distractors < 0:
        raise ValueError(f"n_distractors is {n_distractors}, expected 0 or more")
    n_entities = n_steps + 2 + n_distractors
    fits = [s for s in SETTINGS.values() if len(s.entities) >= n_entities]
    if setting is not None:
        fits = [s for s in fits if s.name == setting]
    if not fits:
        raise ValueError(
            f"no setting {setting or ''} has the {n_entities} entities that {n_steps} steps and "
            f"{n_distractors} distractors need; use fewer of either"
        )
    chosen = rng.choice(fits)
    item, other_item = rng.sample(ITEMS, 2)
    names = rng.sample(chosen.entities, n_entities)

    bases, steps = _draw_graph(rng, names, n_steps)
    known = [*bases, *steps]
    spare = [name for name in names if name not in {fact.entity for fact in known}]
    distractors = [
        _draw_distractor(rng, chosen, spare[i], known, item=item, other_item=other_item)
        for i in range(n_distractors)
    ]

    target = steps[-1].entity
    stated = [fact.sentence(chosen, item) for fact in known] + distractors
    rng.shuffle(stated)
    opener = rng.choice(OPENERS).format(items=item)
    question = chosen.question.format(x=target, items=item)
    return Problem(
        prompt=" ".join([opener, *stated, question]),
        completion=_worked_solution(chosen, item, bases, steps),
        answer=steps[-1].value,
        setting=chosen.name,
        steps=tuple(steps),
        bases=tuple(bases),
        distractors=tuple(distractors),
    )


def _draw_graph(
    rng: random.Random, names: list[str], n_steps: int
) -> tuple[list[Fact], list[Fact]]:
    """Each step builds on the one before; a `sum` also uses a new base or an earlier step."""
    bases = [Fact(names[0], "base", (), (number := rng.randint(2, 20)), number)]
    steps: list[Fact] = []
    for i in range(n_steps):
        previous = steps[-1] if steps else bases[0]
        entity = names[i + 1]
        while True:
            op = rng.choices(("add", "sub", "times", "sum"), weights=(35, 30, 20, 15))[0]
            if op == "sum":
                earlier = [fact for fact in [*bases, *steps] if fact is not previous]
                if len(bases) == 1 and (not earlier or rng.random() < 0.6):
                    number = rng.randint(2, 20)
                    other = Fact(names[n_steps + 1], "base", (), number, number)
                elif earlier:
                    other = rng.choice(earlier)
                else:
                    continue
                step = Fact(
                    entity, op, (previous.entity, other.entity), None, previous.value + other.value
                )
            else:
                other = None
                number = rng.randint(2, 4) if op == "times" else rng.randint(2, 10)
                value = {
                    "add": previous.value + number,
                    "sub": previous.value - number,
                    "times": previous.value * number,
                }[op]
                step = Fact(entity, op, (previous.entity,), number, value)
            if 1 <= step.value <= MAX_VALUE and not (op == "times" and step.value > 60):
                break
        steps.append(step)
        if other is not None and other not in [*bases, *steps]:
            bases.append(other)
    return bases, steps


def _draw_distractor(
    rng: random.Random,
    setting: Setting,
    entity: str,
    known: list[Fact],
    *,
    item: str,
    other_item: str,
) -> str:
    kind = rng.choices(("base", "derived", "other item"), weights=(40, 40, 20))[0]
    if kind == "base":
        return setting.base.format(x=entity, n=rng.randint(2, 20), items=item)
    if kind == "other item":
        holder = rng.choice([entity, rng.choice(known).entity])
        return setting.base.format(x=holder, n=rng.randint(2, 20), items=other_item)
    reference = rng.choice(known).entity
    op = rng.choice(("add", "sub", "times"))
    number = rng.randint(2, 4) if op == "times" else rng.randint(2, 10)
    return getattr(setting, op).format(x=entity, y=reference, n=number, items=item)


def _worked_solution(
    setting: Setting, items: str, bases: list[Fact], steps: list[Fact]
) -> str:
    """A plan from the question back to the given facts, one line a step, and the answer.

    Each line quotes the fact it evaluates, after the given facts that are used there first.
    """
    values = {fact.entity: fact.value for fact in [*bases, *steps]}
    given = {fact.entity: fact.sentence(setting, items) for fact in bases}
    plan = ", ".join(f"{fact.entity} needs {' and '.join(fact.refs)}" for fact in reversed(steps))
    lines = [f"Here {plan}."]
    for fact in steps:
        quoted = [given.pop(ref) for ref in fact.refs if ref in given]
        quoted.append(f"{fact.sentence(setting, items)[:-1]}, so {fact.calculation(values)}.")
        lines.append(" ".join(quoted))
    return "\n".join([*lines, f"#### {steps[-1].value}"])
