"""An event loop by hand: callbacks run when a test says so, and time passes by as much as it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Later:
    """A callback with its time."""

    def __init__(self, due_s: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.due_s = due_s
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        """Let it not run."""
        self.callback = None


class _Entry:
    """A timer that can be taken back."""

    def __init__(self, entries: list[Any], entry: object) -> None:
        self._entries = entries
        self._entry = entry

    def cancel(self) -> None:
        """Forget the callback."""
        if self._entry in self._entries:
            self._entries.remove(self._entry)


class ManualLoop:
    """Runs what was called soon, one turn at a time."""

    def __init__(self) -> None:
        self.now = 100.0
        self._soon: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._later: list[Later] = []

    def time(self) -> float:
        """Return the time of the test, in seconds."""
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        """Run a callback in the next turn."""
        self._soon.append((callback, args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Later:
        """Run a callback in the first turn at or after its time."""
        later = Later(self.now + delay, callback, args)
        self._later.append(later)
        return later

    @property
    def idle(self) -> bool:
        """Whether nothing is left to run now."""
        return not self._soon

    def turn(self, seconds: float) -> None:
        """Run all that waits, as one turn; then ``seconds`` have passed."""
        due = [(later.callback, later.args) for later in self._later if later.due_s <= self.now and later.callback]
        self._later = [later for later in self._later if later.due_s > self.now]
        waiting, self._soon = self._soon + due, []
        for callback, args in waiting:
            callback(*args)
        self.now += seconds
