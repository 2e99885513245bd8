"""Work on several engines at once: processes of this machine, or actors of a Ray cluster."""

from workbench.distributed.actors import Actors
from workbench.distributed.crew import MOST_TRIES, Backend, Crew, Key, Work, Worker, WorkerLostError
from workbench.distributed.processes import Processes
from workbench.distributed.shares import gpus_of, share_of_gpus, threads_each

__all__ = [
    "MOST_TRIES",
    "Actors",
    "Backend",
    "Crew",
    "Key",
    "Processes",
    "Work",
    "Worker",
    "WorkerLostError",
    "gpus_of",
    "share_of_gpus",
    "threads_each",
]
