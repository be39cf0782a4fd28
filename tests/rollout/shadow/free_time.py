"""Free time of the loop as a test sets it."""

from __future__ import annotations

from collections.abc import Callable


class FreeTime:
    """Gives as much time as a test says; see ``rollout.shadow.shadow.FreeTime``."""

    def __init__(self, seconds: float) -> None:
        self.slo_s = 0.1
        self.free_s = seconds
        self.taken_s: list[float] = []
        """The seconds of each piece of work."""
        self._callbacks: list[Callable[[], object]] = []

    def seconds(self) -> float:
        """Return the free seconds."""
        return self.free_s

    def take(self, seconds: float) -> bool:
        """Return whether there is so much time."""
        if seconds > self.free_s:
            return False
        self.taken_s.append(seconds)
        return True

    def call_when_free(self, callback: Callable[[], object], need_s: float = 0.0) -> None:
        """Call a function in the next ``offer``."""
        self._callbacks.append(callback)

    def offer(self) -> None:
        """Call the functions that wait, if there is time."""
        if self.free_s > 0.0:
            waiting, self._callbacks = self._callbacks, []
            for callback in waiting:
                callback()
