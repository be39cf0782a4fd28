"""The retries of tests: as many attempts as usual, without waits."""

from __future__ import annotations

from tabento.remote.retry import RetryPolicy


def _skip(seconds: float) -> None:
    """Return immediately."""


AT_ONCE = RetryPolicy(sleep=_skip)
"""Three attempts without waits."""
