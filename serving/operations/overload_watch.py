"""The watch over overload: a replica that refuses nearly all predictions for long is not ready for a short time.

If all replicas of a service are overloaded, a load balancer that removed all of them would turn a partial outage into a complete
one. The watch is therefore slow, short and random: it needs ``limit_s`` seconds of nearly nothing but refusals, reports not
ready for 7.5 to 22.5 seconds only, and then waits for ``limit_s`` seconds again. Predictions that arrive meanwhile are
treated as always.
"""

from __future__ import annotations

import random
from collections.abc import Callable

START_SHARE = 0.9
"""The share of refused predictions from which a second counts as overloaded."""
END_SHARE = 0.5
"""The share below which the overload has ended; in between, the previous state stays."""
OUT_S = 15.0
"""The mean time in seconds for which the service reports that it is not ready."""
OUT_SPREAD = 0.5
"""The time is random within this share of the mean, so that replicas do not leave and return together."""


class OverloadWatch:
    """Decides whether the service is too overloaded to be ready.

    Args:
        limit_s: the seconds of overload after which it is not ready; 0 for never.
        draw: returns a random number from 0 to 1.
    """

    def __init__(self, limit_s: float, draw: Callable[[], float] = random.random) -> None:
        self._limit_s = limit_s
        self._draw = draw
        self._since_s: float | None = None
        self._until_s: float | None = None
        self._answered = 0
        self._refused = 0

    @property
    def is_out(self) -> bool:
        """Whether the service is not ready because of overload."""
        return self._until_s is not None

    def update(self, now_s: float, n_answered: int, n_refused: int) -> None:
        """Take the counts of another second into account.

        Args:
            now_s: the time in seconds.
            n_answered: the number of predictions answered so far.
            n_refused: the number of predictions refused for load so far.
        """
        new_answers, new_refusals = n_answered - self._answered, n_refused - self._refused
        self._answered, self._refused = n_answered, n_refused
        if self._until_s is not None:
            if now_s >= self._until_s:
                self._until_s = self._since_s = None
            return
        share = new_refusals / (new_answers + new_refusals) if new_refusals else 0.0
        if share < END_SHARE:
            self._since_s = None
        elif share >= START_SHARE and self._since_s is None:
            self._since_s = now_s
        if self._limit_s and self._since_s is not None and now_s - self._since_s >= self._limit_s:
            self._until_s = now_s + OUT_S * (1.0 + OUT_SPREAD * (2.0 * self._draw() - 1.0))
