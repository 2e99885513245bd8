"""The workbench in the browser: pages over one folder of runs, one question each.

workbench app --runs demo/runs
"""

import streamlit as st
from workspace import BUNDLED, OWN, demo_root, has_own_results, own_root, shows_demo

st.set_page_config(page_title="Circuit workbench", page_icon=":material/hub:", layout="wide")
page = st.navigation(
    [
        st.Page("page_overview.py", title="Overview", icon=":material/route:", default=True),
        st.Page("page_heads.py", title="Heads", icon=":material/grid_on:", url_path="heads"),
        st.Page("page_tokens.py", title="Tokens", icon=":material/segment:", url_path="tokens"),
        st.Page("page_steps.py", title="Steps", icon=":material/stairs:", url_path="steps"),
        st.Page(
            "page_playground.py",
            title="Playground",
            icon=":material/science:",
            url_path="playground",
        ),
        st.Page("page_samples.py", title="Samples", icon=":material/list:", url_path="samples"),
        st.Page(
            "page_validate.py", title="Validate", icon=":material/verified:", url_path="validate"
        ),
        st.Page(
            "page_select.py",
            title="Select & export",
            icon=":material/filter_alt:",
            url_path="select",
        ),
        st.Page("page_amplify.py", title="Amplify", icon=":material/bolt:", url_path="amplify"),
        st.Page("page_run.py", title="Run", icon=":material/play_circle:", url_path="run"),
    ]
)
with st.sidebar:
    if demo_root() is not None and has_own_results():
        st.segmented_control(
            "Show", [OWN, BUNDLED], default=OWN, required=True, key="runs", bind="query-params"
        )
    if shows_demo():
        st.caption("The bundled demo: finished runs of the small model that comes along.")
        st.caption("Runs of your own go to")
    else:
        st.caption("Runs are read from")
    st.code(str(own_root()), language=None, wrap_lines=True)
page.run()
