"""What decoding and memory cost an amplification, from a few timed steps.

    passes, seconds = decoding_cost(network, problems, 20, batch_tokens=2**16)

Decoding is priced to its full length and number of samples, so it usually ends sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.amplification import PlainNetwork, Problem, answers_of, network_shape
from workbench.models import Model
from workbench.stages.calibrate import timed

TIMED_STEPS, TIMED_ROWS = 8, 32
Plan = dict[str, Any]


def decoding_cost(
    network: PlainNetwork, problems: Sequence[Problem], n_new: int, batch_tokens: int
) -> tuple[int, float]:
    """Passes and seconds of one trace of every problem, were each as long as it may be."""
    tokens = sum(len(problem.prompt) + n_new for problem in problems)
    n_batches = -(-tokens // batch_tokens)
    few = list(problems[: min(TIMED_ROWS, -(-len(problems) // n_batches))])
    one, more = (
        second_time(lambda n=n: answers_of(network, few, max_new_tokens=n))
        for n in (1, 1 + min(TIMED_STEPS, n_new))
    )
    a_step = max(0.0, more - one) / min(TIMED_STEPS, n_new)
    return n_batches * n_new, n_batches * (one + n_new * a_step)


def second_time(work: Callable[[], Any]) -> float:
    """Seconds of the second time: the first one warms up."""
    work()
    return timed(work)


def memory_cost(network: PlainNetwork | Model, n_tokens: int) -> Plan:
    """Megabytes of the weights, and of the keys and values of so many tokens."""
    assert network.wrapped is not None  # both come from a checkpoint
    tensors = list(network.wrapped.parameters())
    weights = sum(p.numel() * p.element_size() for p in tensors)
    shape, size = network_shape(network.wrapped), tensors[0].element_size()
    each = 2 * shape.n_layers * shape.n_key_value_heads * shape.d_head * size
    return {"weights_mb": round(weights / 1e6), "cache_mb": round(n_tokens * each / 1e6)}
