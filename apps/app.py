"""The workbench in the browser: pages over one folder of runs, one question each.

streamlit run apps/app.py
"""

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts the folder of this script on the path; the package `apps` lies beside that folder,
# in a clone and in an installed wheel alike.
HOME = str(Path(__file__).resolve().parents[1])
if HOME not in sys.path:
    sys.path.insert(0, HOME)

from apps.reading.workspace import own_root  # noqa: E402 - after the path
from apps.widgets.broken import told_in_words  # noqa: E402
from apps.widgets.runs import workspace  # noqa: E402

# A picture of our own: for a named icon the browser would ask a server elsewhere.
ICON = Path(__file__).with_name("icon.png")
PAGES = {
    "overview": ("Overview", ":material/route:"),
    "heads": ("Heads", ":material/grid_on:"),
    "tokens": ("Tokens", ":material/segment:"),
    "steps": ("Steps", ":material/stairs:"),
    "playground": ("Playground", ":material/science:"),
    "samples": ("Samples", ":material/list:"),
    "validate": ("Validate", ":material/verified:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "select": ("Select & export", ":material/filter_alt:"),
    "trial": ("Trial", ":material/balance:"),
    "amplify": ("Amplify", ":material/bolt:"),
    "run": ("Run", ":material/play_circle:"),
}

# A row of choices that does not fit goes on in the next line; Streamlit hides the rest of it.
# What a click opens stays in view beside what was clicked, however tall that is.
STYLE = """<style>
[data-testid="stButtonGroup"] > [data-orientation] {
  flex-wrap: wrap; overflow: visible; mask-image: none;
}
@media (min-width: 640px) {
  [data-testid="stColumn"]:has(> * > * > .st-key-beside) {
    position: sticky; top: 3.75rem; align-self: flex-start;
  }
}
</style>"""

st.set_page_config(page_title="Circuit workbench", page_icon=str(ICON), layout="wide")
page = st.navigation(
    [
        st.Page(
            f"views/{name}/page.py",
            title=title,
            icon=icon,
            url_path=name,
            default=name == "overview",
        )
        for name, (title, icon) in PAGES.items()
    ]
)
st.html(STYLE)
with st.sidebar:
    st.caption(
        "Your runs, and behind them those of the bundled demo, marked “demo”:"
        if workspace().demos
        else "Your runs:"
    )
    st.code(str(own_root()), language=None, wrap_lines=True)
with told_in_words():
    page.run()
