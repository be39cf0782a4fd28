"""The sliding window in which the requests and rows of one caller are counted.

Counts are kept in buckets of one second. A bucket leaves the window only when all of it is outside: a count of second
``s`` leaves at ``s + 61``, which is 60 to 61 seconds after the request. In any 60 seconds, wherever they begin, a caller
therefore has at most its limit, exactly. The memory of a window is fixed, whatever the limit.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from serving.errors import RateLimitedError
from serving.guards.rate_policy import WINDOW_S, RatePolicy

BUCKETS = WINDOW_S + 1
"""A window of 60 seconds touches up to 61 seconds of the clock."""


class Unreported(NamedTuple):
    """Requests that were allowed without Redis."""

    requests: int
    rows: int
    second: int
    """The second of the last one."""

    def plus(self, other: Unreported) -> Unreported:
        """Return both together."""
        return Unreported(self.requests + other.requests, self.rows + other.rows, max(self.second, other.second))

    def since(self, second: int) -> tuple[int, int, int]:
        """Return requests, rows and age for a report at a second; zeros if they have left the window."""
        age_s = second - self.second
        return (self.requests, self.rows, age_s) if self.requests and age_s <= WINDOW_S else (0, 0, 0)


EMPTY_REPORT = Unreported(0, 0, 0)
_EMPTY = array("Q", bytes(8 * BUCKETS))


class RateWindow:
    """The counts of one caller.

    Args:
        policy: the caller's limits.
        second: the present second of the limiter's clock.
    """

    __slots__ = (
        "_oldest",
        "_request_counts",
        "_row_counts",
        "_rows",
        "_second",
        "blocked_until_s",
        "policy",
        "remote_key",
        "remote_left",
        "remote_left_until_s",
        "requests",
        "unreported",
    )

    def __init__(self, policy: RatePolicy, second: int) -> None:
        self.policy = policy
        self._request_counts = _EMPTY[:]
        self._row_counts = _EMPTY[:] if policy.has_rows else None
        self.requests = 0
        """The number of requests in the window, as of the last second in which it was used."""
        self._rows = 0
        self._second = second
        self._oldest = second
        self.blocked_until_s = 0.0
        """The time until which Redis is known to refuse this caller; 0 if it is not known to."""
        self.remote_key: str | None = None
        """The caller's key in Redis."""
        self.remote_left = 0
        """The requests that were left at the last answer of Redis, less those that were allowed without it since."""
        self.remote_left_until_s = 0.0
        """The time until which Redis can have no more of them."""
        self.unreported = EMPTY_REPORT
        """The requests that were allowed without Redis, and that Redis does not know yet."""

    def with_policy(self, policy: RatePolicy) -> RateWindow:
        """Return a window of other limits with the counts of this one."""
        window = RateWindow(policy, self._second)
        window._request_counts = self._request_counts
        window.requests = self.requests
        if policy.has_rows and self._row_counts is not None:
            window._row_counts = self._row_counts
            window._rows = self._rows
        window._oldest = self._oldest
        window.remote_key = self.remote_key
        window.unreported = self.unreported
        return window

    @property
    def requests_left(self) -> int:
        """The number of requests that are left; 0 if there are more than the limit."""
        return max(self.policy.request_limit - self.requests, 0)

    @property
    def rows_left(self) -> int:
        """The number of rows that are left."""
        return max(self.policy.row_limit - self._rows, 0)

    def take(self, rows: int, second: int) -> bytes | None:
        """Count a request if it is allowed.

        Args:
            rows: the number of its rows.
            second: the present second, not earlier than before.

        Returns:
            The header lines of its answer; None if it is not allowed. Nothing is then counted.
        """
        if second != self._second:
            self._advance(second)
        policy = self.policy
        requests_left = policy.request_limit - self.requests - 1
        rows_left = policy.row_limit - self._rows - rows
        if requests_left < 0 or rows_left < 0:
            return None
        index = second % BUCKETS
        self.requests += 1
        self._request_counts[index] += 1
        if self._row_counts is not None:
            self._rows += rows
            self._row_counts[index] += rows
        return policy.lines(requests_left, rows_left, self._oldest + BUCKETS - second)

    def record(self, rows: int, second: int) -> None:
        """Count a request that was allowed elsewhere."""
        if second != self._second:
            self._advance(second)
        self.requests += 1
        self._request_counts[second % BUCKETS] += 1
        if self._row_counts is not None:
            self._rows += rows
            self._row_counts[second % BUCKETS] += rows

    def wait_s(self, rows: int, second: int) -> int:
        """Return the seconds until a request would be allowed; 0 if it would be now.

        Args:
            rows: the number of its rows, at most the limit.
            second: the present second, not earlier than before.
        """
        if second != self._second:
            self._advance(second)
        wait_s = self._wait_s(self._request_counts, self.requests + 1 - self.policy.request_limit)
        if self._row_counts is None:
            return wait_s
        return max(wait_s, self._wait_s(self._row_counts, self._rows + rows - self.policy.row_limit))

    def refusal(self, rows: int, second: int, margin_s: int) -> RateLimitedError | None:
        """Return the refusal of a caller without requests left; None if a request is left. Nothing is counted.

        Args:
            rows: the number of rows, for the wait; 1 if it is not known yet.
            second: the present second, not earlier than before.
            margin_s: seconds that are added to the wait.
        """
        if self.requests < self.policy.request_limit:
            return None
        wait_s = self.wait_s(min(rows, self.policy.row_limit), second)
        if self.requests < self.policy.request_limit:
            return None
        return self.policy.refuse_requests(self.requests_left, self.rows_left, wait_s + margin_s)

    def refuse(self, rows: int, second: int, margin_s: int) -> RateLimitedError:
        """Return the refusal of a request that ``take`` did not allow at the same second.

        The service has read and decoded a request whose rows are too many, so it counts as a request without rows.
        """
        refusal = self.refusal(rows, second, margin_s)
        if refusal is not None:
            return refusal
        policy = self.policy
        self.record(0, second)
        if rows > policy.row_limit:
            return policy.refuse_size(rows, self.requests_left, self.rows_left, self._oldest + BUCKETS - second)
        wait_s = self.wait_s(rows, second) + margin_s
        return policy.refuse_rows(rows, self.requests_left, self.rows_left, wait_s)

    def _wait_s(self, counts: array[int], excess: int) -> int:
        """Return the seconds until so many counts have left the window; 0 if none needs to.

        Whole seconds are exact: the present moment is in second ``self._second``, and buckets leave at whole seconds.
        """
        if excess <= 0:
            return 0
        for second in range(self._oldest, self._second + 1):
            excess -= counts[second % BUCKETS]
            if excess <= 0:
                return second + BUCKETS - self._second
        return BUCKETS

    def _advance(self, second: int) -> None:
        """Move the window forward: remove the buckets that are outside, and find the oldest one that is left."""
        first = second - WINDOW_S
        if self._second < first:
            self._request_counts = _EMPTY[:]
            self._row_counts = _EMPTY[:] if self.policy.has_rows else None
            self.requests = self._rows = 0
            self._oldest = second
        else:
            oldest, counts, row_counts = self._oldest, self._request_counts, self._row_counts
            while oldest < first or (oldest < second and not counts[oldest % BUCKETS]):
                index = oldest % BUCKETS
                self.requests -= counts[index]
                counts[index] = 0
                if row_counts is not None:
                    self._rows -= row_counts[index]
                    row_counts[index] = 0
                oldest += 1
            self._oldest = oldest
        self._second = second
