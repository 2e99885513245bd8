"""Word problems whose dependency graph is known.

A trained model needs problems whose difficulty is a fact and not an opinion. Every problem here is
a set of stated facts (`In Rome 3 more than in Paris.`) in shuffled order, some of them distractors,
and a question. The graph, the number of steps and a worked solution come with it. The wording is
terse so that finding and binding facts is the skill, not gluing words: a number stands next to the
name it belongs to, and numbers repeat only where a problem has more facts than small numbers.

    problem = make_problem(random.Random(0), n_steps=3, n_distractors=2)
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

MAX_VALUE = 99
MAX_STEPS = 8

NAMES = (
    "Tom Ann Bob Sue Joe Mia Sam Eva Max Lia Ben Zoe Dan Kim Leo Amy Jack Nina Paul Rosa "
    "Adam Emma Noah Lucy Omar Ivy Hugo Nora Carl Ella Ravi Anna Luis Maya Finn Jane Alan Rita "
    "Eric Vera"
).split()
CITIES = (
    "Paris Rome Oslo Bern Lima Cairo Delhi Kyoto Milan Lyon Porto Dublin London Berlin Vienna "
    "Prague Madrid Athens Warsaw Geneva Hanoi Seoul Tokyo Quito Accra Tunis Doha Dakar Perth Boston"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ITEMS = (
    "apples pears books pens coins stamps cards shells cakes eggs balls stones cups beads "
    "nuts plums keys toys hats bells"
).split()
OPENERS = ("We sold {items}.", "We bought {items}.", "We counted {items}.", "We packed {items}.")


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


def _setting(name: str, entities: Sequence[str], word: str) -> Setting:
    """A setting whose entities follow the preposition `word`."""
    first = word.capitalize()
    return Setting(
        name=name,
        entities=tuple(entities),
        base=f"{first} {{x}} {{n}}.",
        add=f"{first} {{x}} {{n}} more than {word} {{y}}.",
        sub=f"{first} {{x}} {{n}} fewer than {word} {{y}}.",
        times=f"{first} {{x}} {{n}} times as many as {word} {{y}}.",
        sum=f"{first} {{x}} as many as {word} {{y}} and {word} {{z}} together.",
        question=f"How many {{items}} {word} {{x}}?",
    )


SETTINGS = {
    setting.name: setting
    for setting in (
        _setting("people", NAMES, "for"),
        _setting("cities", CITIES, "in"),
        _setting("days", DAYS, "on"),
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

    def sentence(self, setting: Setting) -> str:
        """The fact as the problem states it."""
        refs = dict(zip("yz", self.refs, strict=False))
        return getattr(setting, self.op).format(x=self.entity, n=self.number, **refs)

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
    items = rng.choice(ITEMS)
    names = rng.sample(chosen.entities, n_entities)
    numbers = _Numbers(rng)

    bases, steps = _draw_graph(rng, numbers, names, n_steps)
    known = [*bases, *steps]
    spare = [name for name in names if name not in {fact.entity for fact in known}]
    distractors = [
        _draw_distractor(rng, numbers, spare[i], known).sentence(chosen)
        for i in range(n_distractors)
    ]

    target = steps[-1].entity
    stated = [fact.sentence(chosen) for fact in known] + distractors
    rng.shuffle(stated)
    opener = rng.choice(OPENERS).format(items=items)
    question = chosen.question.format(x=target, items=items)
    return Problem(
        prompt=" ".join([opener, *stated, question]),
        completion=_worked_solution(chosen, bases, steps),
        answer=steps[-1].value,
        setting=chosen.name,
        steps=tuple(steps),
        bases=tuple(bases),
        distractors=tuple(distractors),
    )


class _Numbers:
    """Draws numbers that the problem has not used yet, as long as there are any."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.used: set[int] = set()

    def draw(self, low: int, high: int) -> int:
        every = range(low, high + 1)
        return self.rng.choice([n for n in every if n not in self.used] or every)


def _draw_graph(
    rng: random.Random, numbers: _Numbers, names: list[str], n_steps: int
) -> tuple[list[Fact], list[Fact]]:
    """Each step builds on the one before; a `sum` also uses a new base or an earlier step."""
    bases = [Fact(names[0], "base", (), (number := numbers.draw(2, 20)), number)]
    numbers.used.add(number)
    steps: list[Fact] = []
    for i in range(n_steps):
        previous = steps[-1] if steps else bases[0]
        entity = names[i + 1]
        while True:
            op = rng.choices(("add", "sub", "times", "sum"), weights=(35, 30, 20, 15))[0]
            if op == "sum":
                earlier = [fact for fact in [*bases, *steps] if fact is not previous]
                if len(bases) == 1 and (not earlier or rng.random() < 0.6):
                    number = numbers.draw(2, 20)
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
                number = numbers.draw(2, 4) if op == "times" else numbers.draw(2, 10)
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
        numbers.used |= {fact.number for fact in [*bases, *steps] if fact.number is not None}
    return bases, steps


def _draw_distractor(rng: random.Random, numbers: _Numbers, entity: str, known: list[Fact]) -> Fact:
    """A fact about an entity that nothing needs; half of them build on a needed one."""
    op = rng.choice(("base", "base", "base", "add", "sub", "times"))
    number = numbers.draw(2, {"base": 20, "times": 4}.get(op, 10))
    numbers.used.add(number)
    refs = () if op == "base" else (rng.choice(known).entity,)
    return Fact(entity, op, refs, number, number)


def _worked_solution(setting: Setting, bases: list[Fact], steps: list[Fact]) -> str:
    """A plan from the question back to the given facts, one line a step, and the answer.

    Each line quotes the fact it evaluates, after the given facts that are used there first.
    """
    values = {fact.entity: fact.value for fact in [*bases, *steps]}
    given = {fact.entity: fact.sentence(setting) for fact in bases}
    plan = ", ".join(f"{fact.entity} needs {' and '.join(fact.refs)}" for fact in reversed(steps))
    lines = [f"Here {plan}."]
    for fact in steps:
        quoted = [given.pop(ref) for ref in fact.refs if ref in given]
        quoted.append(f"{fact.sentence(setting)[:-1]}, so {fact.calculation(values)}.")
        lines.append(" ".join(quoted))
    return "\n".join([*lines, f"#### {steps[-1].value}"])
