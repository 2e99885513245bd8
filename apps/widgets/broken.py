"""What cannot be read any more, a run that has just been deleted say, is one sentence on a page.

with told_in_words():
    page.run()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from apps.reading.files import UnreadableError
from apps.words.markdown import literal
from workbench.errors import WorkbenchError


@contextmanager
def told_in_words() -> Iterator[None]:
    """Show the reason in place of the rest of the block."""
    try:
        yield
    except (UnreadableError, WorkbenchError, OSError) as err:
        st.error(literal(f"This result cannot be read: {err}"), icon=":material/broken_image:")
