"""The turn of the workers: the monitor process offers them its core after each short piece of work.

The kernel does not always interrupt a running process for a more important one that wakes up: with lazy preemption it waits
for its next tick, which is up to four milliseconds. A prediction on the same core would wait as long. A process that offers its
core often makes a prediction wait for one piece of its work only.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def _do_nothing() -> None:
    """Do nothing: this system has no such call."""


offer_core: Callable[[], None] = getattr(os, "sched_yield", _do_nothing)
"""Let another process that waits for this core run first. It takes half a microsecond if there is none."""
