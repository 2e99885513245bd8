"""The promises of docs/trust.md, each with the files of tests that hold it.

PROMISES["An export is whole or absent"]
"""

from __future__ import annotations

PROMISES = {
    "Killed at any moment, the same command gives the same bytes": (
        "tests/runs/test_run.py",
        "tests/stages/test_score_run.py",
    ),
    "Two at once spoil nothing": ("tests/trust/test_two_at_once.py",),
    "A disk that cannot be written is one sentence, and nothing is lost": (
        "tests/runs/test_files.py",
    ),
    "Too little of anything ends in words": ("tests/trust/test_scarce.py",),
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
        "tests/trust/test_hostile_data.py",
    ),
    "Models and results of others are refused before they are followed": (
        "tests/trust/test_foreign.py",
        "tests/trust/test_foreign_results.py",
        "tests/circuits/test_heads_file.py",
    ),
    "No text of a file is markup, in reports and on pages": (
        "tests/reports/test_hostile.py",
        "tests/apps/test_hostile.py",
        "tests/apps/words/test_markdown.py",
    ),
    "The token of the hub is in no file, output or command line": ("tests/trust/test_secrets.py",),
    "Memory grows by so much a row and no more": ("tests/trust/test_memory.py",),
    "Pages stay within their folders and say what is broken": (
        "tests/apps/reading/test_roots.py",
        "tests/apps/test_missing.py",
    ),
    "Pages answer only requests of their own": (
        "tests/apps/test_guard.py",
        "tests/apps/test_start.py",
        "tests/apps/jobs/test_form.py",
    ),
    "Packages are as they were pinned": (
        "tests/trust/test_licences.py",
        "tests/trust/test_installed.py",
    ),
}
