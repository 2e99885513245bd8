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

from apps.reading.files import UnreadableError  # noqa: E402 - after the path
from apps.reading.workspace import demo_root, has_own_results, own_root  # noqa: E402
from apps.widgets.runs import BUNDLED, OWN, workspace  # noqa: E402
from apps.words.markdown import literal  # noqa: E402

PAGES = {
    "overview": ("Overview", ":material/route:"),
    "heads": ("Heads", ":material/grid_on:"),
    "tokens": ("Tokens", ":material/segment:"),
    "steps": ("Steps", ":material/stairs:"),
    "playground": ("Playground", ":material/science:"),
    "samples": ("Samples", ":material/list:"),
    "validate": ("Validate", ":material/verified:"),
    "select": ("Select & export", ":material/filter_alt:"),
    "amplify": ("Amplify", ":material/bolt:"),
    "run": ("Run", ":material/play_circle:"),
}

# In the page itself: for an icon by name a browser asks a foreign server.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E"
    "%3Cpath d='M12 12L5 5M12 12L19 5M12 12V20' stroke='%230072B2' stroke-width='2'/%3E"
    "%3Cg fill='%230072B2'%3E%3Ccircle cx='12' cy='12' r='4'/%3E%3Ccircle cx='5' cy='5' r='3'/%3E"
    "%3Ccircle cx='19' cy='5' r='3'/%3E%3Ccircle cx='12' cy='20' r='3'/%3E%3C/g%3E%3C/svg%3E"
)

st.set_page_config(page_title="Circuit workbench", page_icon=ICON, layout="wide")
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
with st.sidebar:
    if demo_root() is not None and has_own_results():
        st.segmented_control(
            "Show", [OWN, BUNDLED], default=OWN, required=True, key="runs", bind="query-params"
        )
    if workspace().demo is not None:
        st.caption("The bundled demo: finished runs of the small model that comes along.")
        st.caption("Runs of your own go to")
    else:
        st.caption("Runs are read from")
    st.code(str(own_root()), language=None, wrap_lines=True)
try:
    page.run()
except UnreadableError as err:
    st.error(literal(f"This result cannot be read: {err}"), icon=":material/broken_image:")
