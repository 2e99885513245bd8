"""What every row is told of its solution, so that each score can be held against it.

    facts_of(sample, rendered[0])["step_tokens"]

Steps as in `scoring.steps`, over the tokens that count in a loss. A share of digits says how much
of a solution is calculation written out.
"""

from __future__ import annotations

from workbench.models import Rendered
from workbench.scoring.methods.air import solution_of
from workbench.scoring.steps import steps_of
from workbench.types import Sample

FACTS = ("n_steps_found", "step_tokens", "digit_share")
"""Steps, tokens a step, and digits in shares of all characters that are not space."""


def facts_of(sample: Sample, rendered: Rendered) -> dict[str, float]:
    """The facts by name; none for a row without a solution."""
    text = solution_of(sample)
    at = rendered.counted("completion")[1:].nonzero()[0] + 1
    if not len(at) or not text.strip():
        return {}
    spans, _ = steps_of(text, rendered.char_spans()[at])
    written = [char for char in text if not char.isspace()]
    n_digits = sum(char.isdigit() for char in written)
    facts = (float(len(spans)), len(at) / len(spans), n_digits / len(written))
    return dict(zip(FACTS, facts, strict=True))
