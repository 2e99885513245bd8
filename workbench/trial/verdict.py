"""A trial in words: what beat random rows, what did worse, what cannot be told apart.

said = sentences(["top"], comparisons, beat=[])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.names import NATS

BETTER, WORSE, SAME, NOT_JUDGED = "better", "worse", "no difference", "not judged"
CHANCE = 0.05
UNEQUAL = 0.1
LOSS, RANDOM = "loss", "random"
Comparisons = Sequence[Mapping[str, Any]]


def sentences(
    selections: Sequence[str],
    compared: Comparisons,
    beat: Sequence[str],
    *,
    tasks: Sequence[str] = (),
) -> list[str]:
    """The verdict, some sentences a selection: by the loss, right answers if counted, `tasks`."""
    by_pair = {(c["measure"], c["arm"], c["against"]): c for c in compared}
    said = [_overall(selections, compared, beat)]
    for name in selections:
        said.append(_of_selection(name, by_pair))
        if ("accuracy", name, RANDOM) in by_pair:
            said.append(_answers(name, by_pair["accuracy", name, RANDOM]))
        said += [_of_task(name, task, by_pair[task, name, RANDOM]) for task in tasks]
    pairs = [c for c in compared if c["measure"] == LOSS and c["against"] in selections]
    said += [_between(pair) for pair in pairs]
    if judged := sum(c["says"] != NOT_JUDGED for c in compared):
        said.append(
            f"Of {judged} comparisons {CHANCE * judged:.1f} fall outside their interval by chance "
            "alone."
        )
    return said


def _overall(selections: Sequence[str], compared: Comparisons, beat: Sequence[str]) -> str:
    if all(c["says"] == NOT_JUDGED for c in compared):
        return (
            "Nothing is judged: with one training an arm, what the rows did and what the order of "
            "the rows did cannot be told apart. Pass --seeds 3 or more."
        )
    if not beat:
        return "No selection beat random rows at equal tokens."
    return f"{len(beat)} of {len(selections)} selections beat random rows at equal tokens."


def _of_selection(name: str, by_pair: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> str:
    against = by_pair[LOSS, name, RANDOM]
    control = by_pair.get((LOSS, name, f"random, lengths of {name}"))
    text = f"{name}: {_loss_words(against, 'random rows')}."
    if control is None or control["says"] == NOT_JUDGED:
        return text
    more = f" Against random rows of its lengths: {_loss_words(control, 'them')}."
    if against["says"] == BETTER and control["says"] != BETTER:
        more += " What it gains may be its lengths alone."
    return text + more


def _loss_words(c: Mapping[str, Any], what: str) -> str:
    """`beat random rows, loss -0.012 (...)`; where nothing shows, what would have."""
    measured = f"held-out loss {c['difference']:+.4f} {NATS}"
    if c["says"] == NOT_JUDGED:
        return f"not judged, {measured} against {what}"
    interval = f"{measured} (95 % interval {c['low']:+.4f} to {c['high']:+.4f})"
    if c["says"] == SAME:
        reach = (c["high"] - c["low"]) / 2
        return (
            f"cannot be told from {what}, {interval}; a difference below {reach:.4f} would not "
            "have shown"
        )
    return f"{'beat' if c['says'] == BETTER else 'did worse than'} {what}, {interval}"


def _answers(name: str, c: Mapping[str, Any]) -> str:
    measured = f"{100 * c['difference']:+.1f} points"
    if c["says"] == NOT_JUDGED:
        return f"{name}, right answers: {measured} against random rows, not judged."
    interval = f"({100 * c['low']:+.1f} to {100 * c['high']:+.1f})"
    how = {BETTER: "more than", WORSE: "fewer than", SAME: "cannot be told from"}[c["says"]]
    return f"{name}, right answers: {how} random rows, {measured} {interval}."


def _of_task(name: str, task: str, c: Mapping[str, Any]) -> str:
    if c["says"] == NOT_JUDGED:
        return f"{name}, {task}: {c['difference']:+.4f} against random rows, not judged."
    how = {BETTER: "better than", WORSE: "worse than", SAME: "cannot be told from"}[c["says"]]
    interval = f"{c['difference']:+.4f} ({c['low']:+.4f} to {c['high']:+.4f})"
    return f"{name}, {task}: {how} random rows, {interval}."


def _between(c: Mapping[str, Any]) -> str:
    how = {
        BETTER: "taught more than",
        WORSE: "taught less than",
        SAME: "cannot be told from",
        NOT_JUDGED: "is not judged against",
    }[c["says"]]
    interval = "" if c["low"] is None else f" ({c['low']:+.4f} to {c['high']:+.4f})"
    return f"{c['arm']} {how} {c['against']}: {c['difference']:+.4f} {NATS}{interval}."


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """What a reader has to know before the verdict: rows tested that were read, unequal rounds."""
    arms, n = report["arms"], report["eval"]["n"]
    said = [
        f"{arm['name']} read {max(arm['n_eval_read'])} of the {n} eval rows: it is tested on what "
        "it was trained on."
        for arm in arms
        if max(arm["n_eval_read"])
    ]
    (of_random,) = (max(arm["rounds"]) for arm in arms if arm["name"] == RANDOM)
    said += [
        f"The rows of {arm['name']} are read {max(arm['rounds']):.2f} times, random ones "
        f"{of_random:.2f} times: how often counts beside which."
        for arm in arms
        if arm["kind"] == "selection" and abs(max(arm["rounds"]) / of_random - 1) > UNEQUAL
    ]
    if not report["pool"]["whole"]:
        said.append(
            f"The selections are from different pools: only the {report['pool']['n']} rows that "
            "are in all of them count, as rows of the selections and of the controls."
        )
    return said
