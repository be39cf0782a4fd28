"""The limits of a caller, and how an answer reports them: header lines, refusals and their messages.

The headers are ``RateLimit-Policy`` and ``RateLimit`` of draft-ietf-httpapi-ratelimit-headers-10, section 3 and 4, in which
``q`` is the quota, ``w`` the window in seconds, ``r`` the rest of the quota, and ``t`` the seconds until the rest grows.
"""

from __future__ import annotations

from serving.errors import RateLimitedError
from serving.guards.rate_limiter import RateDecision

WINDOW_S = 60
"""The length of the window in seconds."""
NO_LIMIT = 1 << 62
"""The limit of a quantity that has none: no count reaches it."""


class RatePolicy:
    """The limits of one caller.

    Args:
        requests: the largest number of requests in a window; None for no limit.
        rows: the largest number of rows in a window; None for no limit.
    """

    __slots__ = ("_policy_line", "_template", "has_both", "has_rows", "request_limit", "row_limit")

    def __init__(self, requests: int | None, rows: int | None) -> None:
        self.request_limit = NO_LIMIT if requests is None else requests
        self.row_limit = NO_LIMIT if rows is None else rows
        self.has_rows = rows is not None
        self.has_both = requests is not None and rows is not None
        limits = [(name, limit) for name, limit in (("requests", requests), ("rows", rows)) if limit is not None]
        policies = ", ".join(f'"{name}";q={limit};w={WINDOW_S}' for name, limit in limits).encode()
        self._policy_line = b"ratelimit-policy: %b\r\n" % policies
        # The template of both lines. A template of bytes takes half the time of an f-string that is encoded afterwards.
        rests = ", ".join(f'"{name}";r=%d;t=%d' for name, _ in limits).encode()
        self._template = self._policy_line.replace(b"%", b"%%") + b"ratelimit: " + rests + b"\r\n"

    def lines(self, requests_left: int, rows_left: int, reset_s: int) -> bytes:
        """Return the header lines of an answer.

        Args:
            requests_left: the number of requests that the caller has left.
            rows_left: the number of rows that it has left.
            reset_s: the seconds until it has more.
        """
        if self.has_both:
            return self._template % (requests_left, reset_s, rows_left, reset_s)
        return self._template % (rows_left if self.has_rows else requests_left, reset_s)

    def refuse_requests(self, requests_left: int, rows_left: int, wait_s: int) -> RateLimitedError:
        """Return the refusal of a caller that has no requests left.

        Args:
            requests_left: the number of requests that the caller has left.
            rows_left: the number of rows that it has left.
            wait_s: the seconds after which the request would be allowed.
        """
        message = (
            f"Expected at most {self.request_limit} requests in {WINDOW_S} s, got one more. Try again in {wait_s} s."
        )
        headers = self._headers(requests_left, rows_left, wait_s)
        return RateLimitedError(message, self.request_limit, requests_left, wait_s, headers)

    def refuse_rows(self, rows: int, requests_left: int, rows_left: int, wait_s: int) -> RateLimitedError:
        """Return the refusal of a request with more rows than its caller has left; the arguments as above."""
        message = (
            f"Expected at most {self.row_limit} rows in {WINDOW_S} s, got a request of {rows} rows with {rows_left}"
            f" left. Try again in {wait_s} s."
        )
        headers = self._headers(requests_left, rows_left, wait_s)
        return RateLimitedError(message, self.row_limit, rows_left, wait_s, headers, "rows")

    def refuse_size(self, rows: int, requests_left: int, rows_left: int, reset_s: int) -> RateLimitedError:
        """Return the refusal of a request that no waiting would help: it has more rows than a whole window allows."""
        message = (
            f"Expected at most {self.row_limit} rows in {WINDOW_S} s, got {rows} rows in one request. Waiting does not"
            f" help: split the request into requests of at most {self.row_limit} rows."
        )
        headers = self._headers(requests_left, rows_left, reset_s)
        return RateLimitedError(message, self.row_limit, rows_left, None, headers, "rows")

    def allow(self, requests_left: int, rows_left: int, reset_s: int) -> RateDecision:
        """Return the decision for a request that is allowed; the numbers are those after it."""
        return RateDecision(None, self.lines(requests_left, rows_left, reset_s))

    def _headers(self, requests_left: int, rows_left: int, reset_s: int) -> tuple[tuple[bytes, bytes], ...]:
        lines = self.lines(requests_left, rows_left, reset_s).split(b"\r\n")
        return tuple((name, value) for name, _, value in (line.partition(b": ") for line in lines[:-1]))
