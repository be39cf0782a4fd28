"""The increases of counters in the past days, for the evaluation of rules without Prometheus.

Two rings hold them: one with slots of ten seconds for short windows, one with slots of five minutes for eight days. Memory is fixed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

READING_S = 10.0
"""The seconds between two readings of the counters."""
SHORT_SLOT_S = READING_S
SHORT_SLOTS = 181
"""Half an hour."""
LONG_SLOT_S = 300.0
LONG_SLOTS = 8 * 288 + 13
"""Eight days and an hour."""
MIN_OBSERVED_SHARE = 0.5
"""The share of a past window that must have been observed, so that its increase can be compared with."""
MAX_BACKWARD_S = 3_600.0
"""The longest jump of the clock into the past after which the history is kept."""

Floats = NDArray[np.float64]


class RingState(msgspec.Struct):
    """A ring as it is stored."""

    last_slot: int
    values: bytes
    """The increases, float64 of shape (slots, columns), compressed by zlib."""
    observed_s: bytes


class HistoryState(msgspec.Struct):
    """A history as it is stored."""

    columns: list[str]
    known: list[bool]
    rings: list[RingState]


class Ring:
    """Increases by slot of time.

    Args:
        slot_s: the seconds of a slot.
        n_slots: the number of slots.
        n_columns: the number of counters.
    """

    def __init__(self, slot_s: float, n_slots: int, n_columns: int) -> None:
        self.slot_s = slot_s
        self.n_slots = n_slots
        self.values: Floats = np.zeros((n_slots, n_columns))
        self.observed_s: Floats = np.zeros(n_slots)
        """The seconds of each slot in which the counters were read."""
        self.last_slot = -1
        """The newest slot, counted from the epoch; -1 before the first."""

    def add(self, now_s: float, increases: Floats, seconds: float) -> None:
        """Add increases to the slot of a time; after a small jump of the clock into the past to the newest slot."""
        slot = int(now_s // self.slot_s)
        if slot > self.last_slot:
            n_new = min(slot - self.last_slot, self.n_slots)
            places = np.arange(slot - n_new + 1, slot + 1) % self.n_slots
            self.values[places] = 0.0
            self.observed_s[places] = 0.0
            self.last_slot = slot
        place = self.last_slot % self.n_slots
        self.values[place] += increases
        self.observed_s[place] = min(self.slot_s, self.observed_s[place] + seconds)

    def total(self, column: int, start_s: float, end_s: float) -> tuple[float, float]:
        """Return the increase of a counter in a window, and the observed seconds of the window.

        Of a slot that is partly in the window the same part of its increase counts.
        """
        first, last = int(start_s // self.slot_s), int(end_s // self.slot_s)
        first = max(first, self.last_slot - self.n_slots + 1)
        last = min(last, self.last_slot)
        if last < first:
            return 0.0, 0.0
        slots = np.arange(first, last + 1)
        starts = slots * self.slot_s
        weights = np.minimum(starts + self.slot_s, end_s) - np.maximum(starts, start_s)
        weights = np.clip(weights / self.slot_s, 0.0, 1.0)
        if last == self.last_slot:
            weights[-1] = 1.0  # the newest slot has nothing after now
        places = slots % self.n_slots
        return float(self.values[places, column] @ weights), float(self.observed_s[places] @ weights)


class History:
    """The increases of counters.

    Args:
        columns: the names of the counters.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._index = {name: index for index, name in enumerate(self.columns)}
        self._clear()
        self._latest: dict[str, float] | None = None

    def rebase(self, values: Mapping[str, float]) -> None:
        """Take the values as the new start of all counters, without an increase."""
        self._latest = dict(values)
        for name in values:
            self._known[self._index[name]] = True

    def add(self, now_s: float, values: Mapping[str, float], seconds: float = READING_S) -> None:
        """Add the increases since the last reading. A counter that was absent started at 0; a smaller value adds nothing.

        Args:
            now_s: the Unix time in seconds.
            values: the counters by name; a counter without series is absent.
            seconds: the seconds since the last reading.
        """
        if self._latest is None:
            self.rebase(values)
        latest = self._latest
        assert latest is not None
        if now_s < self.newest_s - MAX_BACKWARD_S:
            self._clear()
        increases = np.zeros(len(self.columns))
        for name, value in values.items():
            index = self._index[name]
            self._known[index] = True
            increases[index] = max(0.0, value - latest.get(name, 0.0))
            latest[name] = value
        for ring in self._rings:
            ring.add(now_s, increases, seconds)

    @property
    def newest_s(self) -> float:
        """The start of the newest slot as Unix time in seconds."""
        return self._rings[0].last_slot * SHORT_SLOT_S

    def increase(self, name: str, now_s: float, window_s: float, offset_s: float = 0.0) -> float | None:
        """Return the increase of a counter in a window that ended ``offset_s`` ago.

        Returns:
            None if the counter was never there, or if the window, or half of one in the past, was not observed.
        """
        index = self._index[name]
        if not self._known[index]:
            return None
        end_s = max(now_s, self.newest_s) - offset_s
        is_short = window_s + offset_s <= (SHORT_SLOTS - 1) * SHORT_SLOT_S
        ring = self._rings[0 if is_short else 1]
        total, observed_s = ring.total(index, end_s - window_s, end_s)
        if observed_s <= (MIN_OBSERVED_SHARE * window_s if offset_s else 0.0):
            return None
        return total

    def state(self) -> HistoryState:
        """Return the history for storage."""
        rings = [
            RingState(
                ring.last_slot, zlib.compress(ring.values.tobytes(), 1), zlib.compress(ring.observed_s.tobytes(), 1)
            )
            for ring in self._rings
        ]
        return HistoryState(self.columns, self._known.tolist(), rings)

    def restore(self, state: HistoryState) -> None:
        """Restore a stored history; counters that are unknown now are dropped, new ones have no past.

        Raises:
            ValueError: the sizes contradict each other.
        """
        if len(state.rings) != len(self._rings) or len(state.known) != len(state.columns):
            raise ValueError("the stored history of alerts has other sizes")
        shared = [name for name in self.columns if name in state.columns]
        sources = [state.columns.index(name) for name in shared]
        targets = [self._index[name] for name in shared]
        for ring, stored in zip(self._rings, state.rings, strict=True):
            try:
                values = np.frombuffer(zlib.decompress(stored.values)).reshape(ring.n_slots, len(state.columns))
                observed_s = np.frombuffer(zlib.decompress(stored.observed_s)).reshape(ring.n_slots)
            except zlib.error as error:
                raise ValueError("the stored history of alerts is damaged") from error
            ring.values[:, targets] = values[:, sources]
            ring.observed_s[:] = observed_s
            ring.last_slot = stored.last_slot
        self._known[targets] = np.array(state.known, bool)[sources]

    def _clear(self) -> None:
        n_columns = len(self.columns)
        self._known = np.zeros(n_columns, bool)
        self._rings = [Ring(SHORT_SLOT_S, SHORT_SLOTS, n_columns), Ring(LONG_SLOT_S, LONG_SLOTS, n_columns)]
