"""Think blocks and chat templates: what a template drops of one, and what it may drop.

    kept_reasoning("{% if '</think>' in c %}{% set c = c.split('</think>')[-1] %}{% endif %}")  # ""
    halves("<think>\\n1 + 1\\n</think>\\n\\n2")     # the reasoning "1 + 1" and the answer "2"

A template treats the reasoning of an answer as any text, or puts white space of its own around it
(Qwen3, GLM-4), or drops it (DeepSeek-R1-distill). Dropping is right for turns gone by, which the
model is not shown again; an answer without its reasoning would be learned as a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

CLOSE = "</think>"
_DROPPED = re.compile(
    r"\{%-?\s*if '</think>' in (\w+)\s*-?%\}\s*"
    r"\{%-?\s*set \1 = \1\.split\('</think>'\)\[-1\][^%]*%\}\s*\{%-?\s*endif\s*-?%\}"
)
_OPEN = re.compile(r"\s*(?:<think>\s*)?")
_R, _A = "\ue001", "\ue002"
Turns = list[dict[str, str]]


class Half(NamedTuple):
    """The reasoning or the answer of a turn, and where it begins in the turn's content."""

    text: str
    start: int


def kept_reasoning(template: str) -> str:
    """The template without the sentence that drops all before `</think>`, if it has that one.

    In this TRL's training variant of the template of DeepSeek-R1-distill differs from the original.
    """
    return _DROPPED.sub("", template)


def halves(content: str) -> tuple[Half, Half] | None:
    """Reasoning and answer around the first `</think>`; None where there is none."""
    close = content.find(CLOSE)
    opened = _OPEN.match(content, 0, close) if close >= 0 else None
    if opened is None:
        return None
    # Not by one pattern for all: that takes time by the square of white space in a row.
    answer = content[close + len(CLOSE) :].lstrip()
    reasoning = content[opened.end() : close].rstrip()
    return Half(reasoning, opened.end()), Half(answer, len(content) - len(answer))


def treatment(own: str, fill: Callable[[Turns], str]) -> dict[str, str]:
    """What is done to think blocks: by the template `own`, and in the text that `fill` gives.

    In words, for the answer and for earlier turns; empty where all stays as it is.
    """
    ask, block = {"role": "user", "content": "q"}, f"<think>\n{_R}\n</think>\n\n{_A}"
    say, end = {"role": "assistant", "content": block}, {"role": "assistant", "content": "a"}
    texts = {"of the answer": fill([ask, say]), "of earlier turns": fill([ask, say, ask, end])}
    done = {where: _done(text, block) for where, text in texts.items() if block not in text}
    if kept_reasoning(own) != own:
        done |= dict.fromkeys(texts, "kept; the model's own template leaves it out")
    return done


def _done(text: str, block: str) -> str:
    if _R not in text:
        return "left out"
    of_text, of_block = ("".join(t[t.find(_R) : t.find(_A)].split()) for t in (text, block))
    return "white space changed" if of_text == of_block else "rewritten"
