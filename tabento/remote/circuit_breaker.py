"""The circuit breaker around an outside dependency: after repeated failures, no calls are made for a while.

Closed: calls are made. After ``failures`` failures in succession the breaker opens: no calls are made for ``open_s``
seconds. It is then half-open: one trial call is made. If the trial succeeds, the breaker closes, otherwise it opens again.
Source of the method: M. Nygard, Release It!, "Circuit Breaker".

Libraries that were considered: pybreaker 1.4.1 (maintained, no dependencies) holds one lock for the duration of each call and
has no asyncio, so concurrent calls would wait for each other; it also reads the wall clock, which can jump. purgatory 3.0.1
and aiobreaker 1.2.0 had no release for two and five years. A breaker that only counts results is small, so it is our own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

FAILURES = 5
"""The number of failures in succession that opens a breaker."""
OPEN_S = 60.0
"""The seconds after which an open breaker allows a trial."""

logger = logging.getLogger("tabento.remote")


class CircuitBreaker:
    """The circuit breaker of one dependency. It makes no calls: the caller asks first and reports each result.

    A caller that asks ``allows`` and gets True reports with ``succeeded`` or ``failed``. A trial without a report, such as
    that of a cancelled task, lapses after ``open_s`` seconds. All methods may be called from any thread.

    Args:
        name: the dependency's name, for metrics and messages.
        failures: the number of failures in succession that opens the breaker.
        open_s: the seconds after which an open breaker allows a trial.
        clock: seconds that never go backwards.
        listener: called with the breaker and its new state after each change; an exception that it raises is logged.
    """

    def __init__(
        self,
        name: str,
        failures: int = FAILURES,
        open_s: float = OPEN_S,
        clock: Callable[[], float] = time.monotonic,
        listener: Callable[[CircuitBreaker, State], object] | None = None,
    ) -> None:
        self.name = name
        self.open_s = open_s
        self.reason: str | None = None
        """The reason of the last failure; None if the last call succeeded, or before the first failure."""
        self.since: float = clock()
        """The time of the last change of state, by the clock."""
        self.failures = 0
        """The number of failures since the last success."""
        self.listener = listener
        self._limit = failures
        self._clock = clock
        self._state: State = "closed"
        self._trial_s: float | None = None
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """The present state."""
        if self._state == "open" and self._clock() - self.since >= self.open_s:
            with self._lock:
                changed = self._end_pause()
            self._report(changed)
        return self._state

    def allows(self) -> bool:
        """Return whether a call may be made now. In the half-open state one call at a time may be made."""
        if self._state == "closed":  # without the lock: a hot path asks this
            return True
        with self._lock:
            changed = self._end_pause()
            allowed = self._may_call()
        self._report(changed)
        return allowed

    def succeeded(self) -> None:
        """Record that a call succeeded. A half-open breaker closes."""
        if self._state == "closed" and self.failures == 0:
            return
        with self._lock:
            if self._state == "open":
                return  # the late answer of a call that was made before the breaker opened
            self.failures = 0
            self.reason = None
            changed = self._change("closed")
        self._report(changed)

    def failed(self, reason: str) -> None:
        """Record that a call failed. A half-open breaker opens again, a closed one after too many failures.

        Args:
            reason: the reason in words, without secrets.
        """
        with self._lock:
            self.failures += 1
            self.reason = reason
            changed = None
            if self._state == "half_open" or (self._state == "closed" and self.failures >= self._limit):
                changed = self._change("open")
        self._report(changed)

    def retry_after_s(self) -> float:
        """Return the seconds until an open breaker allows a trial; 0 if it is not open."""
        return max(self.since + self.open_s - self._clock(), 0.0) if self._state == "open" else 0.0

    def _end_pause(self) -> State | None:
        if self._state == "open" and self._clock() - self.since >= self.open_s:
            return self._change("half_open")
        return None

    def _may_call(self) -> bool:
        """Return whether the caller that asks now may make its call; in the half-open state this begins a trial."""
        if self._state != "half_open":
            return self._state == "closed"
        now = self._clock()
        if self._trial_s is not None and now - self._trial_s < self.open_s:
            return False
        self._trial_s = now
        return True

    def _change(self, state: State) -> State | None:
        if state == self._state:
            return None
        self._state = state
        self._trial_s = None
        self.since = self._clock()
        return state

    def _report(self, changed: State | None) -> None:
        """Call the listener, outside the lock, so that it may ask the breaker."""
        if changed is None or self.listener is None:
            return
        try:
            self.listener(self, changed)
        except Exception:
            logger.exception("the listener of the circuit breaker %s failed", self.name)
