"""What the words of one package begin as.

OfPackage(shared).shared.model
"""

from __future__ import annotations

from tests.support.prepared.runs import Shared


class OfPackage:
    """Words of one package or module; the others are those of `shared`."""

    def __init__(self, shared: Shared):
        self.shared, self.public = shared, shared.public
