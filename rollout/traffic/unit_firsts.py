"""The first request of each unit of a split.

Answers of one user resemble each other. If an arm has few users, its answers differ from the other arm's though the versions are
equal. The comparison of answers therefore takes one answer of each unit.
"""

from __future__ import annotations

from tabento.ab_test.arms import UNIT_BUCKETS

MAX_UNITS = 65_536
"""The number of units after which no more are noted: their answers are plenty for a comparison."""
MAX_PENDING = 8_192
"""The number of first requests without an answer after which all are forgotten: most were refused or abandoned."""


class UnitFirsts:
    """Notes which requests are the first ones of their unit in their arm, and counts the requests of units."""

    def __init__(self) -> None:
        self.requests = [0] * UNIT_BUCKETS
        """The requests by a hash of their unit, see ``tabento.ab_test.arms.ArmCounts.units``."""
        self._units: set[int] = set()
        self._pending: set[bytes] = set()

    def note(self, unit: int, request_id: bytes) -> None:
        """Note a request of a unit.

        Args:
            unit: the position of the unit.
            request_id: the id of the request.
        """
        self.requests[unit % UNIT_BUCKETS] += 1
        units = self._units
        if unit in units or len(units) >= MAX_UNITS:
            return
        units.add(unit)
        pending = self._pending
        if len(pending) >= MAX_PENDING:
            pending.clear()
        pending.add(request_id)

    def take(self, request_id: bytes) -> bool:
        """Return whether an answered request was the first of its unit; asked once for each."""
        pending = self._pending
        if request_id in pending:
            pending.discard(request_id)
            return True
        return False

    def clear(self) -> None:
        """Forget all units: a new step of the rollout counts again from zero."""
        self.requests = [0] * UNIT_BUCKETS
        self._units.clear()
        self._pending.clear()
