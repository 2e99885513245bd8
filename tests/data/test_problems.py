import random
import re

import pytest

from workbench.data.problems import (
    MAX_STEPS,
    MAX_VALUE,
    SETTINGS,
    fingerprint,
    is_held_out,
    make_problem,
)

OPS = ("sum", "times", "add", "sub", "base")
FIELDS = {"x": r"(?P<x>\w+)", "y": r"(?P<y>\w+)", "z": r"(?P<z>\w+)", "n": r"(?P<n>\d+)"}


def drawn(n=150, **options):
    """Problems of every number of steps, with 0 to 3 distractors where the caller names none."""
    for seed in range(n):
        wanted = {"n_steps": seed % MAX_STEPS + 1, "n_distractors": seed % 4, **options}
        yield make_problem(random.Random(seed), **wanted)


def pattern(template):
    text = re.escape(template)
    for name, expression in {**FIELDS, "items": r"(?P<items>\w+)"}.items():
        text = text.replace(re.escape("{" + name + "}"), expression)
    return re.compile(text)


def read_story(problem, leave_out=()):
    """What a reader of the text knows: the facts, and the asked entity."""
    setting = SETTINGS[problem.setting]
    _, *stated, question = re.split(r"(?<=[.?]) ", problem.prompt)
    asked = pattern(setting.question).fullmatch(question)
    assert asked
    facts = {}
    for sentence in stated:
        if sentence in leave_out:
            continue
        matches = [(op, pattern(getattr(setting, op)).fullmatch(sentence)) for op in OPS]
        [(op, match)] = [(op, match) for op, match in matches if match]
        assert match["x"] not in facts, "an entity is stated twice"
        facts[match["x"]] = (op, match.groupdict())
    return facts, asked["x"]


def value_of(entity, facts):
    op, said = facts[entity]
    number = int(said["n"]) if "n" in said else 0
    if op == "base":
        return number
    first = value_of(said["y"], facts)
    if op == "sum":
        return first + value_of(said["z"], facts)
    return {"add": first + number, "sub": first - number, "times": first * number}[op]


def needed_for(entity, facts):
    _, said = facts[entity]
    refs = [said[name] for name in "yz" if name in said]
    return {entity: refs} | {k: v for ref in refs for k, v in needed_for(ref, facts).items()}


def test_the_answer_is_what_the_text_evaluates_to():
    for problem in drawn():
        facts, target = read_story(problem)
        assert value_of(target, facts) == problem.answer


def test_the_text_states_the_graph_that_comes_with_it():
    for problem in drawn():
        facts, target = read_story(problem)
        assert needed_for(target, facts) == problem.to_row()["graph"]


def test_distractors_are_stated_but_not_needed():
    for problem in drawn(n_distractors=3, setting="people"):
        assert len(problem.distractors) == 3
        assert all(sentence in problem.prompt for sentence in problem.distractors)
        facts, target = read_story(problem, leave_out=problem.distractors)
        assert value_of(target, facts) == problem.answer
        assert set(facts) == {fact.entity for fact in (*problem.bases, *problem.steps)}


def test_every_worked_line_is_right_and_uses_values_known_by_then():
    symbols = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
    }
    for problem in drawn():
        facts, _ = read_story(problem)
        _, *lines, last = problem.completion.split("\n")
        known = {}
        assert len(lines) == problem.n_steps
        for line, step in zip(lines, problem.steps, strict=True):
            *given, quoted = re.split(r"(?<=\.) ", line)
            assert all(sentence in problem.prompt for sentence in given)
            wording = SETTINGS[problem.setting]
            bases = [base for base in problem.bases if base.sentence(wording) in given]
            assert len(bases) == len(given)
            known |= {base.entity: base.value for base in bases}
            said_line = re.fullmatch(r"(.+), so (\d+) ([-+*]) (\d+) = (\d+)\.", quoted)
            assert said_line is not None, line
            fact, left, symbol, right, result = said_line.groups()
            assert f"{fact}." in problem.prompt
            assert symbols[symbol](int(left), int(right)) == int(result)
            op, said = facts[step.entity]
            assert fact + "." == step.sentence(wording)
            assert int(left) == known[said["y"]]
            assert int(right) == (known[said["z"]] if op == "sum" else int(said["n"]))
            known[step.entity] = int(result)
        assert last == f"#### {problem.answer}"


def test_the_plan_walks_back_from_the_question():
    for problem in drawn():
        facts, target = read_story(problem)
        plan = problem.completion.split("\n")[0].removeprefix("Here ").removesuffix(".")
        needs = dict(part.split(" needs ") for part in plan.split(", "))
        assert next(iter(needs)) == target
        graph = needed_for(target, facts)
        assert needs == {entity: " and ".join(refs) for entity, refs in graph.items() if refs}


@pytest.mark.parametrize("n_steps", range(1, MAX_STEPS + 1))
def test_a_problem_has_the_asked_number_of_steps(n_steps):
    for problem in drawn(20, n_steps=n_steps):
        row = problem.to_row()
        assert (problem.n_steps, row["n_steps"], row["level"]) == (n_steps,) * 3
        assert all(1 <= fact.value <= MAX_VALUE for fact in problem.steps)


def test_difficulty_counts_steps_distractors_and_merges():
    for problem in drawn():
        facts, target = read_story(problem)
        merges = sum(len(refs) == 2 for refs in needed_for(target, facts).values())
        extra = 0.5 * (len(problem.distractors) + merges)
        assert problem.difficulty == problem.n_steps + extra


def test_the_same_seed_gives_the_same_problem_and_another_seed_another():
    first, again, other = (
        make_problem(random.Random(seed), n_steps=4, n_distractors=2) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.prompt != other.prompt


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_can_be_asked_for(setting):
    assert all(problem.setting == setting for problem in drawn(5, n_steps=2, setting=setting))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_steps": 0}, "n_steps is 0, expected 1 to 8"),
        ({"n_steps": 9}, "n_steps is 9, expected 1 to 8"),
        ({"n_steps": 2, "n_distractors": -1}, "n_distractors is -1, expected 0 or more"),
        ({"n_steps": 6, "setting": "days"}, "no setting days has the 8 entities"),
        ({"n_steps": 8, "n_distractors": 90}, "use fewer of either"),
    ],
)
def test_impossible_requests_say_what_was_expected(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make_problem(random.Random(0), **options)


def test_the_held_out_tenth_is_chosen_by_the_hash_of_the_prompt_alone():
    prompts = [problem.prompt for problem in drawn(1000)]
    held_out = [prompt for prompt in prompts if is_held_out(prompt)]
    assert 60 < len(held_out) < 140
    assert all(int(fingerprint(prompt)[:8], 16) % 10 == 0 for prompt in held_out)
    assert is_held_out(held_out[0])


def test_the_row_id_belongs_to_the_prompt():
    problem = next(drawn(1))
    assert problem.to_row()["id"] == f"generated-{fingerprint(problem.prompt)[:16]}"
