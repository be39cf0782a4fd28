"""An event loop on a virtual clock: one core, one loop, one worker thread on the same core.

Callbacks declare their cost with ``spend``; time passes only by ``spend`` and by waiting. A pass is as in libuv: timers that
are due, then the callbacks that wait, then the sockets. A callback of ``call_soon`` runs in the next pass.
The thread gets half of the core while the loop works, all of it while the loop waits.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

Callback = Callable[..., object]


class SimulatedTimer:
    """The handle that ``call_later`` returns."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callback, args: tuple[Any, ...]) -> None:
        self.callback: Callback | None = callback
        self.args = args

    def cancel(self) -> None:
        """Let the callback not run."""
        self.callback = None


class SimulatedLoop:
    """``runners.clock.Loop`` and ``runners.clock.Offload`` on a virtual clock that starts at 0 s.

    Args:
        pass_s: the cost of a pass without its callbacks, in seconds.
        switch_s: the time from the end of a thread's work until the loop notices it, in seconds.
        read_limit: the largest number of sockets that one pass reads.
    """

    def __init__(self, pass_s: float = 0.0, switch_s: float = 0.0, read_limit: int = 1024) -> None:
        self._pass_s = pass_s
        self._switch_s = switch_s
        self._read_limit = read_limit
        self._now = 0.0
        self._ready: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, SimulatedTimer]] = []
        self._timers_made = 0
        self._sockets: list[tuple[float, int, Callback]] = []
        self._thread: deque[tuple[Callback, tuple[Any, ...]]] = deque()
        # The remaining seconds of the thread's work, in the order of the queue above.
        self._thread_left: deque[float] = deque()
        self._in_thread_s: float | None = None

    def time(self) -> float:
        """See ``runners.clock.Loop``; in the thread, the time there."""
        return self._now if self._in_thread_s is None else self._now + self._in_thread_s

    def call_soon(self, callback: Callback, *args: Any) -> None:
        """See ``runners.clock.Loop``."""
        self._ready.append((callback, args))

    def call_later(self, delay: float, callback: Callback, *args: Any) -> SimulatedTimer:
        """See ``runners.clock.Loop``."""
        timer = SimulatedTimer(callback, args)
        self._timers_made += 1
        heapq.heappush(self._timers, (self._now + delay, self._timers_made, timer))
        return timer

    def readable_at(self, moment_s: float, read: Callback) -> None:
        """Let a socket become readable at a moment, in seconds; ``read`` is called in the pass that reads it."""
        self._timers_made += 1
        heapq.heappush(self._sockets, (moment_s, self._timers_made, read))

    def offload(self, function: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """See ``runners.clock.Offload``.

        The function runs immediately, to learn its result and cost; its end is reported when the thread has used that
        much time of the core. The function measures its own work only, without the wait for the core.
        """
        result: Any = None
        error: BaseException | None = None
        self._in_thread_s = 0.0
        try:
            result = function()
        except Exception as failure:
            error = failure
        cost, self._in_thread_s = self._in_thread_s, None
        self._thread.append((done, (result, error)))
        self._thread_left.append(cost)

    def spend(self, seconds: float) -> None:
        """Let a callback, or the function in the thread, use the core for some seconds."""
        if self._in_thread_s is not None:
            self._in_thread_s += seconds
            return
        while self._thread:
            shared_s = min(seconds, self._thread_left[0])
            self._now += 2 * shared_s
            seconds -= shared_s
            self._thread_left[0] -= shared_s
            if self._thread_left[0] > 0:
                return
            self._end_thread_job()
        self._now += seconds

    def run(self, arrivals_s: Sequence[float] = (), read: Callable[[int], object] | None = None) -> None:
        """Run until no callback remains.

        Args:
            arrivals_s: when sockets become readable, ascending, in seconds.
            read: called with the index of each arrival in the pass that reads it.
        """
        arrived, count = 0, len(arrivals_s)
        while True:
            readable = self._sockets and self._sockets[0][0] <= self._now
            if not self._ready and not readable and not (arrived < count and arrivals_s[arrived] <= self._now):
                wake = [entry[0] for entry in (*self._timers[:1], *self._sockets[:1])]
                wake += [arrivals_s[arrived]] if arrived < count else []
                if not wake and not self._thread:
                    return
                self._wait(min(wake, default=float("inf")))
            self.spend(self._pass_s)
            while self._timers and self._timers[0][0] <= self._now:
                timer = heapq.heappop(self._timers)[2]
                if timer.callback is not None:
                    self._ready.append((timer.callback, timer.args))
            for _ in range(len(self._ready)):
                callback, args = self._ready.popleft()
                callback(*args)
            polled, last = self._now, arrived + self._read_limit
            while read is not None and arrived < min(count, last) and arrivals_s[arrived] <= polled:
                read(arrived)
                arrived += 1
            due: list[Callback] = []
            while self._sockets and self._sockets[0][0] <= polled:
                due.append(heapq.heappop(self._sockets)[2])
            for socket_read in due:
                socket_read()

    def _wait(self, until: float) -> None:
        """Let the loop sleep until a moment, or until the thread is done."""
        if self._thread:
            left = self._thread_left[0]
            if self._now + left <= until:
                self._now += left
                self._end_thread_job()
                return
            self._thread_left[0] -= max(until - self._now, 0.0)
        self._now = max(self._now, until)

    def _end_thread_job(self) -> None:
        self._thread_left.popleft()
        done, args = self._thread.popleft()
        self.call_later(self._switch_s, done, *args)
