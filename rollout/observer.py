"""The observer of one arm of a rollout: it counts the arm's answers and errors while requests are answered.

A live model has one only while it is in a rollout. An answer is appended to a list; the numbers are computed for many answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from runners.work import Values

FLUSH_ANSWERS = 256
"""The number of answers that are counted at once."""
SERVICE_FAULT = 500
"""The first status of a fault of the service."""
LOAD_STATUSES = (503, 504)
"""Refusals for load and missed deadlines, which both arms get alike: they say nothing about a version."""
CLIENT_GONE = 499


class ArmObserver:
    """Counts the answers and errors of one arm.

    Args:
        count_answers: counts a list of answers: of each its values, its latency in seconds or NaN, and whether its first row counts for the
            distribution of answers.
        is_first: returns whether a request is the first of its unit, see ``rollout.traffic.unit_firsts``; None if each request is a
            unit of its own.
    """

    def __init__(
        self,
        count_answers: Callable[[list[Values], list[float], list[bool] | None], object],
        is_first: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._count_answers = count_answers
        self._is_first = is_first
        self.errors = 0
        """The number of requests that the version failed; refusals for load are not among them."""
        self.refused = 0
        """The number of requests that were refused for their content."""
        self._values: list[Values] = []
        self._latencies_s: list[float] = []
        self._firsts: list[bool] = []

    def count_answer(
        self, data: bytes, count: int, values: Values, request_id: bytes, latency_s: float, from_cache: bool = False
    ) -> None:
        """Count an answer that was sent.

        Args:
            data: the packed rows, float64 of shape (N, F); not used.
            count: N; not used.
            values: the answers, one a row.
            request_id: the id of the request.
            latency_s: the seconds from the moment at which the rows were decoded to the encoded answer.
            from_cache: whether a cache has answered a row. Its latency is not counted: the cache of a new version is empty.
        """
        latencies_s = self._latencies_s
        latencies_s.append(nan if from_cache else latency_s)
        self._values.append(values)
        if self._is_first is not None:
            self._firsts.append(self._is_first(request_id))
        if len(latencies_s) >= FLUSH_ANSWERS:
            self.flush()

    def count_error(self, status: int) -> None:
        """Count a request that got an error.

        Args:
            status: the status of the answer.
        """
        if status >= SERVICE_FAULT:
            if status not in LOAD_STATUSES:
                self.errors += 1
        elif status != CLIENT_GONE:
            self.refused += 1

    def flush(self) -> None:
        """Count the answers that were not counted yet."""
        if self._latencies_s:
            values, latencies_s, firsts = self._values, self._latencies_s, self._firsts
            self._values, self._latencies_s, self._firsts = [], [], []
            self._count_answers(values, latencies_s, firsts if self._is_first is not None else None)
