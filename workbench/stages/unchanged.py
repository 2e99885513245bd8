"""Whether the data of a run is, at its end, still the data in its name.

check_unchanged(["gsm8k"], fingerprint_sources(["gsm8k"]))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data import fingerprint_sources
from workbench.errors import InputError


def check_unchanged(sources: Sequence[str], before: Sequence[Mapping[str, Any]]) -> None:
    """Raise InputError unless `sources` have the fingerprint that the run was named by."""
    if fingerprint_sources(sources) != list(before):
        raise InputError(
            f"the data {', '.join(sources)} was changed while the run read it",
            expected="the same files from its beginning to its end",
            do="run the command again",
        )
