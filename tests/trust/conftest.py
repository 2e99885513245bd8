"""The command line within the test's own process, and a small chain of runs to call it on."""

from tests.cli.conftest import made, sums, workbench

__all__ = ["made", "sums", "workbench"]
