"""The windows of one model version: panes of time, each with its rows and histograms, and sums over the newest ones.

The panes begin at multiples of their length since 1970. Therefore replicas have the same panes.
"""

from __future__ import annotations

import math

from monitoring.drift.histograms import Integers, Layout, count_panes
from monitoring.rows import PredictedRows


class Windows:
    """The panes of one model version.

    Args:
        layout: the columns that are counted.
        pane_s: the length of a pane in seconds.
        window_s: the seconds for which panes are kept.
    """

    def __init__(self, layout: Layout, pane_s: float, window_s: float) -> None:
        self.layout = layout
        self.pane_s = pane_s
        self.window_s = window_s
        self.panes: dict[int, tuple[int, Integers]] = {}
        """The number of rows and the histograms by the number of the pane."""
        self.changed_panes: set[int] = set()
        """The panes that are not saved in their present state."""

    def add_rows(self, rows: PredictedRows) -> None:
        """Count rows in the panes of their times."""
        for pane, (count, slots) in count_panes(self.layout, rows, self.pane_s).items():
            self.add_pane(pane, count, slots)
            self.changed_panes.add(pane)

    def add_pane(self, pane: int, count: int, slots: Integers) -> None:
        """Add the histograms of rows of one pane, such as saved ones."""
        known_pane = self.panes.get(pane)
        if known_pane is not None:
            count, slots = known_pane[0] + count, self.layout.merge((known_pane[1], slots))
        self.panes[pane] = (count, slots)

    def remove_old_panes(self, now_s: float) -> int:
        """Remove panes that are older than the window, and panes of a future that a clock has shown; return the oldest pane kept.

        Args:
            now_s: the Unix time.
        """
        oldest, newest = self._oldest(now_s, self.window_s), math.floor((now_s + self.window_s) / self.pane_s)
        for pane in [pane for pane in self.panes if not oldest <= pane <= newest]:
            del self.panes[pane]
            self.changed_panes.discard(pane)
        return oldest

    def by_time(self, now_s: float, window_s: float) -> tuple[int, Integers]:
        """Return the rows and the histograms of the last seconds, rounded up to whole panes."""
        oldest = self._oldest(now_s, window_s)
        return self._sum([pane for pane in self.panes if pane >= oldest])

    def by_rows(self, count: int) -> tuple[int, Integers]:
        """Return the newest panes that together have at least ``count`` rows, or all panes."""
        panes: list[int] = []
        total = 0
        for pane in sorted(self.panes, reverse=True):
            if total >= count:
                break
            panes.append(pane)
            total += self.panes[pane][0]
        return self._sum(panes)

    def _oldest(self, now_s: float, window_s: float) -> int:
        return math.floor(now_s / self.pane_s) - math.ceil(window_s / self.pane_s) + 1

    def _sum(self, panes: list[int]) -> tuple[int, Integers]:
        total = self.layout.merge(self.panes[pane][1] for pane in panes)
        return sum(self.panes[pane][0] for pane in panes), total
