"""DropHead: random heads of the first layers attend uniformly for one training step.

Without it every head of layer 0 becomes indispensable (it glues neighbouring tokens), and any
random set of its heads breaks the model as thoroughly as the circuit does. With it they back each
other up, and the heads that look facts up, further above, stand out. Related: DropHead (arXiv
2004.13342), which zeroes a head's output; here it is made uniform, the knock-out that importance is
measured with.

    with drop_heads(model, 0.1, generator, n_layers=1):
        logits = model(input_ids=ids).logits
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drop_heads(
    model: torch.nn.Module, rate: float, generator: torch.Generator, *, n_layers: int
) -> Iterator[None]:
    """Each query head of each sample is uniform with probability `rate` (queries set to zero).

    Zero after projection and bias stays zero in Llama's rotation, so equal scores remain.
    """
    n_heads = model.config.num_attention_heads

    def zero_some(_module, _args, output):
        kept = torch.rand(output.shape[0], 1, n_heads, 1, generator=generator) >= rate
        by_head = output.unflatten(-1, (n_heads, -1))
        return (by_head * kept.to(output)).flatten(-2)

    layers = model.model.layers[:n_layers] if rate else []
    handles = [layer.self_attn.q_proj.register_forward_hook(zero_some) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
