"""The interface of a rate limiter, as a prediction uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from serving.errors import RateLimitedError
    from serving.guards.caller import Caller


class RateDecision(NamedTuple):
    """The decision about one request."""

    error: RateLimitedError | None
    """The refusal; None if the request is allowed."""
    lines: bytes
    """Header lines for the answer, each with its line end."""


class RateLimiter(Protocol):
    """Counts the requests and rows of callers."""

    def refusal(self, caller: Caller) -> RateLimitedError | None:
        """Return the refusal if the caller is known to be over its limit. Nothing is counted.

        It is called before the body is decoded, so that a caller over its limit costs little.
        """
        ...

    def check(self, caller: Caller, rows: int, on_decision: Callable[[RateDecision], object]) -> RateDecision | None:
        """Count one request.

        Args:
            caller: a caller with a limit.
            rows: the number of its rows; 0 if the request is invalid.
            on_decision: receives the decision if it is not known immediately: later on the event loop, exactly once.

        Returns:
            The decision, or None if ``on_decision`` will be called.
        """
        ...
