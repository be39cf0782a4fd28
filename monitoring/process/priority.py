"""The priority of the monitor process, which must not delay predictions."""

from __future__ import annotations

import contextlib
import os

NICENESS = 19
"""The lowest priority, for systems without ``SCHED_IDLE``."""


def yield_to_workers(pid: int = 0) -> None:
    """Let a process run only while no other process of the service needs the core.

    A lower niceness is not enough: the scheduler still gives such a process slices of some milliseconds, which a prediction on
    the same core then waits. A process of the class ``SCHED_IDLE`` is interrupted as soon as a worker has something to do.

    Args:
        pid: the process; 0 for this one.
    """
    with contextlib.suppress(OSError):
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
