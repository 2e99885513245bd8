"""The ways to take a head's work away; adding one is a record here and a line of the table.

    KINDS["mean"].note
    for found in iter_importance(engine, rendered, batches=batches, ablation=ablation): ...

What each tells: docs/methods.md. Uniform attention is the papers' and the default; the others say
what a head contributes, because they take its output away and put nothing new in its place.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workbench.ablation.reference import by_mean, by_position, by_sample
from workbench.models import OUTPUT, UNIFORM, Intervention, Site


def zero_output(outputs: Float[Tensor, "row pos head d_head"], site: Site) -> Float[Tensor, ""]:
    """Nothing at any position."""
    return outputs.new_zeros(())


def donated(
    outputs: Float[Tensor, "row pos head d_head"], site: Site
) -> Float[Tensor, "*row_pos head d_head"]:
    """What the reference gives for this layer."""
    assert site.donor is not None  # whoever edits with a reference brings its donors
    return site.donor


ZERO = Intervention(
    name="zero",
    note="the head writes nothing at any position",
    at=OUTPUT,
    edit=zero_output,
)
MEAN = Intervention(
    name="mean",
    note="the head always writes its mean over all positions of the reference samples",
    at=OUTPUT,
    edit=donated,
    reference=by_mean,
)
POSITION_MEAN = Intervention(
    name="position-mean",
    note="the head always writes its mean at the same position of the reference samples",
    at=OUTPUT,
    edit=donated,
    reference=by_position,
)
RESAMPLE = Intervention(
    name="resample",
    note="the head writes what it writes on another reference sample, at the same position",
    at=OUTPUT,
    edit=donated,
    reference=by_sample,
)

KINDS = {kind.name: kind for kind in (UNIFORM, ZERO, MEAN, POSITION_MEAN, RESAMPLE)}
