"""The promises of docs/trust.md, each with the files of tests that hold it.

PROMISES["An export is whole or absent"]
"""

from __future__ import annotations

PROMISES = {
    "Killed at any moment, the same command gives the same bytes": (
        "tests/runs/test_run.py",
        "tests/stages/test_score_run.py",
    ),
    "What was written is what is read": ("tests/runs/test_written.py",),
    "Rows are joined by id and content": ("tests/stages/test_changed_data.py",),
    "Every file of a model that a number depends on names the run": (
        "tests/models/test_inputs.py",
        "tests/models/test_identity.py",
    ),
    "An export is whole or absent": (
        "tests/selection/test_folder.py",
        "tests/selection/test_export.py",
    ),
    "A bad row is counted, a bad file refused, in words": (
        "tests/data/test_readers.py",
        "tests/data/test_shapes.py",
        "tests/data/test_sources.py",
        "tests/cli/test_bad_input.py",
    ),
    "No text of a file is markup, in reports and on pages": (
        "tests/reports/test_hostile.py",
        "tests/apps/test_hostile.py",
        "tests/apps/words/test_markdown.py",
    ),
    "Pages stay within their folders and say what is broken": (
        "tests/apps/reading/test_roots.py",
        "tests/apps/test_missing.py",
    ),
}
