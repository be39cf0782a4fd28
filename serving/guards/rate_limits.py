"""The rate limiter of one process, see ``serving.guards.rate_window``. The limiter with Redis falls back to it.

Its cost is on the hot path. The library ``limits`` 5.8 (moving window in memory) is exact as well, but takes about four times
as long for a request with its headers, needs one entry of memory for each row, and starts a thread: see
``docs/rate-limits.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from serving.errors import RateLimitedError
from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision
from serving.guards.rate_policy import RatePolicy
from serving.guards.rate_window import RateWindow


class RateCounts:
    """The refusals of a limiter, for the metrics."""

    __slots__ = ("fallbacks", "refused")

    def __init__(self) -> None:
        self.refused = {"requests": 0, "rows": 0}
        """The refused requests, by the limit that they were over."""
        self.fallbacks = 0
        """The requests that were checked in this process because Redis could not be used."""

    def refuse(self, error: RateLimitedError) -> RateLimitedError:
        """Count a refusal, and return it."""
        self.refused[error.quantity] += 1
        return error


class LocalRateLimiter:
    """Counts the requests and rows of callers in this process.

    Args:
        counts: the counts for the metrics.
        clock: seconds that never go backwards.
    """

    def __init__(self, counts: RateCounts | None = None, clock: Callable[[], float] = monotonic) -> None:
        self.counts = counts or RateCounts()
        self.margin_s = 0
        """Seconds that are added to each wait."""
        self._clock = clock

    def refusal(self, caller: Caller) -> RateLimitedError | None:
        """Return the refusal if the caller is over its limit of requests; see ``RateLimiter``."""
        window: RateWindow | None = caller.limiter_state
        if window is None or window.requests < window.policy.request_limit:
            return None
        error = window.refusal(1, int(self._clock()), self.margin_s)
        return None if error is None else self.counts.refuse(error)

    def check(self, caller: Caller, rows: int, on_decision: Callable[[RateDecision], object]) -> RateDecision:
        """Count one request; see ``RateLimiter``. The decision is known immediately."""
        second = int(self._clock())
        window: RateWindow = caller.limiter_state or begin_window(caller, second)
        lines = window.take(rows, second)
        if lines is not None:
            return RateDecision(None, lines)
        error = window.refuse(rows, second, self.margin_s)
        return RateDecision(self.counts.refuse(error), b"")

    def record(self, caller: Caller, rows: int) -> None:
        """Count a request that Redis allowed."""
        second = int(self._clock())
        window: RateWindow = caller.limiter_state or begin_window(caller, second)
        window.record(rows, second)

    def wait_s(self, caller: Caller, rows: int) -> int:
        """Return the seconds until a request of a caller that has a window would be allowed; 0 if it would be now."""
        window: RateWindow = caller.limiter_state
        return window.wait_s(rows, int(self._clock()))


def begin_window(caller: Caller, second: int) -> RateWindow:
    """Give a caller an empty window, and return it."""
    window = RateWindow(RatePolicy(caller.requests_per_minute, caller.rows_per_minute), second)
    caller.limiter_state = window
    return window


def keep_counts(former: Caller, caller: Caller) -> None:
    """Let a caller that replaces another one, after a reload of the keys, go on with its counts. The limits may differ."""
    window: RateWindow | None = former.limiter_state
    if window is not None and caller.limiter is not None:
        caller.limiter_state = window.with_policy(RatePolicy(caller.requests_per_minute, caller.rows_per_minute))
