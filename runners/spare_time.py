"""The spare time of the event loop, in which shadow work may run: time that no request needs.

Two limits hold, each as a bucket of seconds. The first is filled by the time in which the loop is idle, so that at full load there is
none. The second is filled by a share of all time, so that shadow work never takes the whole loop. A piece of shadow work delays a
request that arrives meanwhile, so pieces are short compared with the SLO. After a refused request there is no spare time for
``CALM_S``.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from math import inf

from runners.clock import Loop

PIECE_SHARE = 0.1
"""The share of the SLO that one piece of shadow work may take."""
LONGEST_PIECE_SHARE = 0.5
"""The same for work that cannot be divided further: one row of an expensive model."""
CALM_S = 1.0
"""The seconds without a refused request before shadow work runs again."""
RETRY_S = 0.005
"""The seconds after which the loop is asked again, if it was idle without spare time."""
LOOP_SHARE = 0.4
"""The largest share of the loop's time for shadow work, unless the owner sets another one."""

logger = logging.getLogger("tabento.runners")


class SpareTime:
    """Counts the loop's spare time and gives it to shadow work.

    Args:
        loop: the event loop, or a simulated one.
        is_waiting: returns whether rows of requests wait for a model.
        count_idle: begins to call ``begin_idle`` and ``end_idle``, and returns whether the loop is idle now.
    """

    def __init__(self, loop: Loop, is_waiting: Callable[[], bool], count_idle: Callable[[], bool]) -> None:
        self._loop = loop
        self._is_waiting = is_waiting
        self._count_idle = count_idle
        self._idle_since_s: float | None = None
        self._updated_s = 0.0
        # The idle time since the last update.
        self._idle_s = 0.0
        self._idle_left_s = 0.0
        self._share_left_s = 0.0
        self._refused_s = -inf
        self._need_s = 0.0
        self._callbacks: deque[tuple[float, Callable[[], object]]] = deque()
        self._is_scheduled = False
        self.is_counted = False
        """Whether spare time is counted: from the first question for it on, so that it costs nothing without shadow work."""
        self.slo_s = inf
        """The tightest SLO of the models that have requests, in seconds."""
        self.loop_share = LOOP_SHARE
        """The largest share of the loop's time for shadow work."""
        self.taken_s = 0.0
        """The total seconds that shadow work has taken."""

    def begin_idle(self) -> None:
        """Note that the loop has no request to read."""
        self._idle_since_s = self._loop.time()
        if self._callbacks:
            self._schedule()

    def end_idle(self, now: float) -> None:
        """Note that a request was read, at a time of the loop's clock; called at the beginning of each pass after an idle time."""
        if self._idle_since_s is not None:
            self._idle_s += now - self._idle_since_s
            self._idle_since_s = None

    def note_refusal(self, now: float) -> None:
        """Note that a request was refused for lack of time."""
        self._refused_s = now

    @property
    def is_calm(self) -> bool:
        """Whether no request was refused for lack of time within ``CALM_S``."""
        return self._loop.time() - self._refused_s >= CALM_S

    def seconds(self) -> float:
        """Return the seconds on the loop that shadow work may take now; 0 while requests are read, wait, or are refused."""
        if not self.is_counted:
            self._begin()
        if self._idle_since_s is None or self._is_waiting():
            return 0.0
        self._update()
        if self._updated_s - self._refused_s < CALM_S:
            return 0.0
        return max(min(self._idle_left_s, self._share_left_s), 0.0)

    def take(self, seconds: float) -> bool:
        """Return whether shadow work of some predicted seconds may run now, and subtract them from the spare time."""
        if not 0.0 <= seconds <= self.seconds():
            return False
        self._idle_left_s -= seconds
        self._share_left_s -= seconds
        self.taken_s += seconds
        return True

    def call_when_free(self, callback: Callable[[], object], need_s: float = 0.0) -> None:
        """Call a function once, in a turn of the loop in which there is spare time.

        Args:
            callback: an exception that it raises is logged.
            need_s: the spare seconds that it needs: its smallest piece of work. A piece of more than ``LONGEST_PIECE_SHARE`` of the
                SLO counts as one of that length.
        """
        if not self.is_counted:
            self._begin()
        self._callbacks.append((need_s, callback))
        if self._idle_since_s is not None:
            self._schedule()

    def _begin(self) -> None:
        self.is_counted = True
        self._updated_s = self._loop.time()
        if self._count_idle():
            self._idle_since_s = self._updated_s

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._offer)

    def _offer(self) -> None:
        self._is_scheduled = False
        if not self._callbacks or self._idle_since_s is None:
            return
        need_s, callback = self._callbacks[0]
        self._need_s = min(need_s, self.slo_s * LONGEST_PIECE_SHARE)
        available_s = self.seconds()
        if available_s <= 0.0 or available_s < self._need_s:
            self._is_scheduled = True
            self._loop.call_later(RETRY_S, self._offer)
            return
        self._callbacks.popleft()
        try:
            callback()
        except Exception:
            logger.exception("shadow work raised; requests are answered as usual")
        if self._callbacks:
            self._schedule()

    def _update(self) -> None:
        """Fill both buckets; the loop is idle now."""
        now = self._loop.time()
        if self._idle_since_s is not None:
            self._idle_s += now - self._idle_since_s
            self._idle_since_s = now
        limit_s = max(self.slo_s * PIECE_SHARE, self._need_s)
        passed_s, self._updated_s = now - self._updated_s, now
        self._share_left_s = min(self._share_left_s + self.loop_share * passed_s, limit_s)
        self._idle_left_s = min(self._idle_left_s + self._idle_s, limit_s)
        self._idle_s = 0.0
