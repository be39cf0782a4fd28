"""How long the passes of the event loop are: the cost of requests on the whole loop, not only in the model.

With a cheap model most time goes to HTTP and JSON. Requests then wait in their sockets, before any queue of the service sees
them, while the loop works through those that it has read. That wait cannot be seen, but it is as long as a pass. A pass begins
with the first request that is read in a turn of the loop, and ends where the next one begins. The loop is kept from sleeping
for a few turns. Two passes that follow each other closely have therefore nothing but work between their beginnings, and their
distance is the cost of all requests of the first.
"""

from __future__ import annotations

from collections.abc import Callable

from runners.clock import Loop

TURNS = 2
"""A pass that begins within so many turns of the loop after another one follows it closely: a request takes one turn to be
decoded and run, and sometimes another to be answered."""


class LoopMeter:
    """Measures passes.

    Args:
        loop: the event loop, or a simulated one.
        on_pass: called as a pass begins, with the length of the one before in seconds; 0 where the loop was idle.
    """

    def __init__(self, loop: Loop, on_pass: Callable[[float], None]) -> None:
        self._loop = loop
        self._on_pass = on_pass
        self._in_pass = False
        self._began = 0.0
        self._turns_left = 0

    def arrival(self) -> None:
        """Note that a request was read."""
        if self._in_pass:
            return
        self._in_pass = True
        now = self._loop.time()
        length = now - self._began if self._turns_left else 0.0
        if not self._turns_left:
            self._loop.call_soon(self._turn)
        self._began = now
        self._turns_left = TURNS
        self._on_pass(length)

    def _turn(self) -> None:
        self._in_pass = False
        self._turns_left -= 1
        if self._turns_left:
            self._loop.call_soon(self._turn)
