"""What a command says of the rows that it read, before it works on them.

print_reading(Tally().summary())
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


def print_reading(summary: Mapping[str, Any], *, err: bool = True) -> None:
    """Shapes, columns, counts and two rows; nothing for a run that does not say."""
    from workbench.data import reading_lines

    for line in reading_lines(summary) if summary else ():
        click.echo(line, err=err)
