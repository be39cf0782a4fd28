"""The length of passes of the event loop: the cost of requests on the whole loop, not only in the model.

With an inexpensive model most time goes to HTTP and JSON. Requests then wait in their sockets, before any queue of the service sees
them, while the loop works through the requests that it has read. That wait cannot be measured, but it is as long as a pass. A pass
begins with the first request that is read in a turn of the loop, and ends when the next pass begins. The loop is kept from sleeping
for a few turns. So if one pass follows another closely, the time between their beginnings is only work: the cost of all requests
of the first pass.
"""

from __future__ import annotations

from collections.abc import Callable

from runners.clock import Loop

TURNS = 2
"""A pass follows another closely if it begins within this number of turns of the loop: a request takes one turn to be decoded
and run, and sometimes another turn to be answered."""


class LoopMeter:
    """Measures passes.

    Args:
        loop: the event loop, or a simulated one.
        on_pass: called when a pass begins, with the length of the previous pass in seconds; 0 if the loop was idle.
        on_idle: called when no request was read for ``TURNS`` turns, so that the loop may sleep.
    """

    __slots__ = ("__weakref__", "_in_pass", "_loop", "_on_idle", "_on_pass", "_turns_left", "started_s", "turn")

    def __init__(
        self, loop: Loop, on_pass: Callable[[float], None], on_idle: Callable[[], object] | None = None
    ) -> None:
        self._loop = loop
        self._on_pass = on_pass
        self._on_idle = on_idle
        self._in_pass = False
        self._turns_left = 0
        self.started_s = 0.0
        """The time at which the present or last pass began, on the loop's clock."""
        self.turn = 0
        """A number that changes at the end of each turn in which a request may have been read."""

    def is_idle(self) -> bool:
        """Return whether no request was read for ``TURNS`` turns."""
        return not self._turns_left

    def arrival(self) -> None:
        """Note that a request was read."""
        if self._in_pass:
            return
        self._in_pass = True
        now = self._loop.time()
        length = now - self.started_s if self._turns_left else 0.0
        if not self._turns_left:
            self._loop.call_soon(self._turn)
        self.started_s = now
        self._turns_left = TURNS
        self._on_pass(length)

    def _turn(self) -> None:
        self.turn += 1
        self._in_pass = False
        self._turns_left -= 1
        if self._turns_left:
            self._loop.call_soon(self._turn)
        elif self._on_idle is not None:
            self._on_idle()
