"""Compare: what changes between two runs of heads, two runs of scores, or two selections?"""

from __future__ import annotations

import streamlit as st

from apps.views.compare import heads, scores, selections
from apps.widgets.runs import say_what_is_missing, workspace
from apps.words.guides import show_heading

KINDS = {
    "heads": ("heads", heads.compare_runs),
    "scores": ("score", scores.compare_runs),
    "selections": ("select", selections.compare_saved),
}

show_heading("Compare", "compare")
st.caption("Two results of one kind beside each other: what agrees, and what changes side?")
what = st.segmented_control(
    "Compare two runs of",
    list(KINDS),
    default="heads",
    required=True,
    key="what",
    bind="query-params",
)
stage, show = KINDS[what or "heads"]
if workspace().finished(stage):
    show()
else:
    say_what_is_missing(stage)
