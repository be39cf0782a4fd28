"""Gives memory back to the system after a burst.

The C library keeps the memory that Python frees for its next use. After a burst of connections with full buffers that is
tens of MiB which the process holds for nothing, and which count against a container's memory limit. glibc gives them back
on ``malloc_trim`` (https://man7.org/linux/man-pages/man3/malloc_trim.3.html), which holds the event loop for
some 0.3 ms for each MiB that goes back. It is therefore called only if the process has grown, and not often.
"""

from __future__ import annotations

import ctypes
import logging
import resource
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger("tabento.serving")

MIB = 1 << 20
GROWTH_BYTES = 8 * MIB
"""Memory is given back if the process holds so much more than it did when it held least."""
PAUSE_S, LONGEST_PAUSE_S = 10.0, 600.0
"""Between two attempts; an attempt that gives back little doubles the pause, up to the longest."""
WORTH_BYTES = GROWTH_BYTES // 2
"""An attempt that gives back so much was worth its time."""
_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Return the memory of this process in bytes, or None if the system does not report it (not Linux)."""
    try:
        return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        return None


def c_library_trim() -> Callable[[], object] | None:
    """Return the function that gives free memory back, or None if this C library has none (musl, macOS)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: trim(0)


class MemoryTrimmer:
    """Gives free memory back to the system if the process has grown.

    Args:
        resident: returns the memory that the process holds, in bytes, or None if it is not known.
        trim: gives free memory back, or None if that cannot be done.
    """

    def __init__(
        self, resident: Callable[[], int | None] = resident_bytes, trim: Callable[[], object] | None = None
    ) -> None:
        self._resident = resident
        self._trim = trim
        self._least_bytes: int | None = None
        self._pause_s = PAUSE_S
        self._next_s = 0.0

    def check(self, now_s: float) -> bool:
        """Give memory back if there is a reason to; return whether it was tried.

        Args:
            now_s: the event loop's time, in seconds.
        """
        if self._trim is None or now_s < self._next_s:
            return False
        before = self._resident()
        if before is None:
            self._trim = None
            return False
        if self._least_bytes is None or before < self._least_bytes:
            self._least_bytes = before
        if before - self._least_bytes < GROWTH_BYTES:
            return False
        started = time.perf_counter()
        self._trim()
        took_ms = (time.perf_counter() - started) * 1e3
        after = self._resident() or before
        helped = before - after >= WORTH_BYTES
        self._pause_s = PAUSE_S if helped else min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._next_s = now_s + self._pause_s
        logger.debug("gave %.1f MiB back to the system in %.1f ms", (before - after) / MIB, took_ms)
        return True
