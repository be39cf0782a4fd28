"""The durations of the phases of a start, for the service log and for ``benchmarks/start_phases.py``."""

from __future__ import annotations

import time
from pathlib import Path

_STAT = Path("/proc/self/stat")
_START_FIELD = 19
"""The index of ``starttime`` after the name of the program, see ``proc_pid_stat(5)``."""
_TICKS_A_SECOND = 100
"""Ticks of ``starttime`` in a second; the same on all systems that Linux's user interface defines (``USER_HZ``)."""
INTERPRETER = "interpreter"
"""The phase from the start of the process to the first line of Python, measured in steps of 10 ms."""


def process_age_s() -> float:
    """Return the seconds since the start of this process, in steps of 10 ms; 0.0 if the system does not tell."""
    try:
        # The name of the program is in parentheses and may contain spaces.
        fields = _STAT.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        started_s = int(fields[_START_FIELD]) / _TICKS_A_SECOND
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


class StartClock:
    """The phases of a start. A forked worker continues the clock of its parent."""

    def __init__(self) -> None:
        self.phases_s: dict[str, float] = {INTERPRETER: process_age_s()}
        """The seconds of each phase that has ended, in order."""
        self._last_s = time.perf_counter()

    def end_phase(self, name: str) -> None:
        """End a phase that began at the end of the phase before."""
        now_s = time.perf_counter()
        self.phases_s[name] = self.phases_s.get(name, 0.0) + now_s - self._last_s
        self._last_s = now_s

    def describe(self) -> str:
        """Return all phases as text, such as ``583 ms: interpreter 10.0 ms, imports 390.1 ms``."""
        parts = ", ".join(f"{name} {1000 * duration_s:.1f} ms" for name, duration_s in self.phases_s.items())
        return f"{1000 * sum(self.phases_s.values()):.0f} ms: {parts}"
