"""The workbench in the browser: five pages over one folder of runs.

workbench app --runs demo/runs
"""

import streamlit as st
from workspace import runs_root

st.set_page_config(page_title="Circuit workbench", page_icon=":material/hub:", layout="wide")
page = st.navigation(
    [
        st.Page("page_overview.py", title="Overview", icon=":material/route:", default=True),
        st.Page("page_heads.py", title="Heads", icon=":material/grid_on:", url_path="heads"),
        st.Page("page_tokens.py", title="Tokens", icon=":material/segment:", url_path="tokens"),
        st.Page(
            "page_samples.py",
            title="Samples & export",
            icon=":material/filter_alt:",
            url_path="samples",
        ),
        st.Page(
            "page_validate.py", title="Validate", icon=":material/verified:", url_path="validate"
        ),
    ]
)
with st.sidebar:
    st.caption("Runs are read from")
    st.code(str(runs_root()), language=None, wrap_lines=True)
page.run()
