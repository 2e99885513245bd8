"""The jobs on the Run page: progress, time left, cancel; the same in every browser.

show_jobs()
"""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import streamlit as st

from apps.jobs.job import Job, cancel_job, every_job, progress_of, start_job
from apps.reading.runs import forget_runs
from apps.reading.workspace import own_root
from apps.widgets.runs import workspace
from apps.words.markdown import literal

MOST_ENDED = 8
SHOWN_ON = {
    "heads": ("heads", "circuit"),
    "validate": ("validate", "validation"),
    "score": ("samples", "scores"),
    "trial": ("trial", "trial"),
    "amplify": ("amplify", "pivots"),
}
LOOKS = {
    "queued": (":material/schedule:", "gray"),
    "running": (":material/progress_activity:", "blue"),
    "finished": (":material/check:", "green"),
    "cancelled": (":material/block:", "orange"),
    "failed": (":material/error:", "red"),
}


def show_jobs() -> None:
    """All jobs; looks again every second as long as one is going."""
    st.subheader("Jobs")
    jobs = every_job(own_root())
    if not jobs:
        st.caption("Nothing has been started here yet.")
        return
    is_going = any(job.is_active for job in jobs)
    st.fragment(_draw, run_every=1.0 if is_going else None)(was_going=is_going)


def _draw(*, was_going: bool) -> None:
    jobs = every_job(own_root())
    active = [job for job in jobs if job.is_active]
    if was_going and not active:
        # New results may be there: the whole page looks again.
        forget_runs()
        st.rerun()
    for job in active[::-1]:
        _show_active(job)
    for job in [job for job in jobs if not job.is_active][:MOST_ENDED]:
        _show_ended(job)


def _show_active(job: Job) -> None:
    with st.container(border=True):
        left, right = st.columns([5, 1], vertical_alignment="center")
        with left:
            _show_title(job)
            if job.status == "queued":
                st.caption("Waits for the job before it.")
            else:
                _show_progress(job)
                with st.expander("The end of its log"):
                    st.code(job.log() or "Nothing yet.", language=None, wrap_lines=True)
        if right.button("Cancel", key=f"cancel-{job.folder.name}", icon=":material/stop:"):
            cancel_job(job)
            st.toast("The job is asked to end; what is done is kept.")


def _show_progress(job: Job) -> None:
    progress = progress_of(own_root(), job)
    seconds = time.time() - (job.started or job.asked)
    if progress is None or not progress.total:
        st.progress(0.0, text=f"Getting ready, {_duration(seconds)} so far")
        return
    left = ""
    if progress.eta_seconds is not None:
        left = f", about {_duration(progress.eta_seconds)} left"
    text = f"{progress.done} of {progress.total}: {literal(progress.message)}{left}"
    st.progress(min(1.0, progress.done / progress.total), text=text)


def _show_title(job: Job) -> None:
    icon, color = LOOKS[job.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(job.status, icon=icon, color=color)  # type: ignore[arg-type]
        st.text(job.title)


def _show_ended(job: Job) -> None:
    with st.container(border=True):
        _show_title(job)
        if job.status == "finished":
            _show_way(job)
        if job.status in ("failed", "cancelled"):
            if job.status == "failed":
                st.code(job.log() or "It ended without a word.", language=None, wrap_lines=True)
            if st.button("Start again", key=f"again-{job.folder.name}", icon=":material/replay:"):
                start_job(own_root(), job.stage, job.argv, title=job.title, heavy=job.heavy)
                st.rerun()
        with st.expander("Command"):
            st.code(shlex.join(job.argv[-12:]), language="bash", wrap_lines=True)


def _show_way(job: Job) -> None:
    """What came of it, and the page that shows it."""
    run = Path(str(job.output().get("run") or "")).name
    found = next((r for r in workspace().finished(job.stage) if r.name == run), None)
    if found is None or job.stage not in SHOWN_ON:
        return
    page, key = SHOWN_ON[job.stage]
    st.page_link(
        f"views/{page}/page.py",
        label=f"Open {literal(found.title)}",
        icon=":material/arrow_forward:",
        query_params={key: found.title},
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
