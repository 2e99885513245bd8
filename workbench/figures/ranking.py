"""Heads by rank: the sorted curve with its cut, one head by sample, and what is known of each.

elbow(heads), sample_deltas(deltas, Head(0, 3))
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, GREY, VERMILION, framed
from workbench.names import COPIED, LOSS_INCREASE, NATS, head_name, importance_name
from workbench.types import Head, HeadScore, HeadScores

DELTA = f"{LOSS_INCREASE} ({NATS})"
# So few make counts of 0 and 1, which Plotly divides further.
FEW_SAMPLES = 12
BASES = {
    "probe": "on the whole probe of {n} samples",
    "sample": "dropped or decided after {n} samples",
    "gradient": "never run: a gradient's estimate on {n} samples",
}


def measure_name(heads: HeadScores) -> str:
    """What `delta` means: a loss, or the share of tokens that a head copies."""
    unit = COPIED if heads.method == "retrieval" else NATS
    return f"{importance_name(heads.method)} ({unit})"


def head_hover(h: HeadScore) -> str:
    """What is known of a head, as the label of its mark."""
    kept = "" if h.kept is None else f"kept by {h.kept:.0%} of settings<br>"
    return (
        f"<b>{head_name(h.layer, h.head)}</b>{' in the circuit' if h.selected else ''}<br>{kept}"
        f"{h.delta:+.4f}<br>"
        f"95 % interval {h.ci_low:.4f} to {h.ci_high:.4f}<br>"
        f"rank {h.rank}, chosen in {h.stability:.0%} of resampled probes"
        f"{'<br>' + BASES[h.basis].format(n=h.n_samples) if h.basis else ''}{_facts(h)}"
    )


def _facts(h: HeadScore) -> str:
    """What the head contributes and where it rests, where that was measured."""
    if h.contribution is None:
        return ""
    rests = "" if h.sink_share is None else f", {h.sink_share:.0%} of its attention on token 1"
    idle = "<br>idle: contributes nothing as it is" if h.idle else ""
    return f"<br>contributes {h.contribution:+.4f}{rests}{idle}"


def is_cut(heads: HeadScores) -> bool:
    """Whether the circuit is the first heads in rank, and none was chosen past another."""
    n_selected = sum(h.selected for h in heads.heads)
    return all(h.selected == (h.rank <= n_selected) for h in heads.heads)


def elbow(heads: HeadScores) -> go.Figure:
    """All heads by rank with their 95 % intervals, and the line where a circuit is cut off.

    Heads that a race never ran have hollow marks.
    """
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    n_selected = sum(h.selected for h in ordered)
    what = "a circuit is clear where the curve breaks" if is_cut(heads) else "the circuit is chosen"
    title = f"Sorted heads; {what}"
    figure = framed(title, x="rank", y=measure_name(heads))
    guessed = [h for h in ordered if h.basis == "gradient"]
    others = [h for h in ordered if not h.selected and h.basis != "gradient"]
    for name, color, symbol, part in (
        ("circuit", VERMILION, "diamond", [h for h in ordered if h.selected]),
        ("other heads", GREY, "circle", others),
        ("estimated by gradients", GREY, "circle-open", guessed),
    ):
        if not part:
            continue
        figure.add_scatter(
            name=name,
            x=[h.rank for h in part],
            y=[h.delta for h in part],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [h.ci_high - h.delta for h in part],
                "arrayminus": [h.delta - h.ci_low for h in part],
                "thickness": 1,
            },
            text=[head_hover(h) for h in part],
            hovertemplate="%{text}<extra></extra>",
            mode="markers",
            marker={"color": color, "size": 8, "symbol": symbol},
            # Over its neighbours in rank: of many heads these are few.
            zorder=int(name == "circuit"),
        )
    if is_cut(heads):
        figure.add_vline(x=n_selected + 0.5, line={"dash": "dash", "color": GREY})
    figure.add_hline(y=0, line={"width": 1, "color": GREY})
    return figure


def sample_deltas(
    deltas: Float[np.ndarray, " sample"], head: Head, *, unit: str = DELTA
) -> go.Figure:
    """How the loss of each probe sample changes when one head is uniform, or what it copies."""
    what = "right of 0: needed" if unit == DELTA else "further right: copies more"
    figure = framed(f"{head_name(*head)} by sample; {what}", x=unit, y="probe samples")
    if len(deltas) <= FEW_SAMPLES:
        figure.update_yaxes(dtick=1)
    figure.add_histogram(x=deltas, nbinsx=30, marker={"color": BLUE}, name="samples")
    figure.add_vline(x=0, line={"width": 1, "color": GREY})
    mean = float(np.mean(deltas)) if len(deltas) else 0.0
    figure.add_vline(
        x=mean,
        line={"dash": "dash", "color": VERMILION},
        annotation_text=f"mean {mean:.3f}",
        annotation_position="top",
    )
    figure.update_layout(showlegend=False, bargap=0.03)
    return figure
