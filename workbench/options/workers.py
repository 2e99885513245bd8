"""How many processes share the work of a run, and whose processes they are.

WorkerOptions(backend="ray", workers=8)
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import InputError
from workbench.options.record import check_options, option

BACKENDS = ("local", "ray")


@dataclass(frozen=True)
class WorkerOptions:
    """Changes where and how fast a run is worked on, and no result: no part of its name."""

    backend: str = option(
        "local",
        "local: processes of this machine; ray: actors of a Ray cluster (extra 'ray').",
        choices=BACKENDS,
    )
    workers: int | None = option(
        None,
        "Processes that each load the model; default: this one alone, with ray one a GPU, or one "
        "a core where there is no GPU.",
        low=1,
    )
    address: str | None = option(
        None,
        "Of a Ray cluster that is running; default: one is started here and ended again.",
        metavar="ADDRESS",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.address is not None and self.backend != "ray":
            raise InputError(
                f"the address of a Ray cluster is '{self.address}' and the backend is local",
                do="pass --backend ray, or leave out --address",
            )

    @property
    def alone(self) -> bool:
        """Whether the work is done in this very process."""
        return self.backend == "local" and self.workers in (None, 1)


ALONE = WorkerOptions()
"""Nothing asked for: the work is done in this process."""
