"""How long the passes of the event loop are, and what a request costs in all: the whole loop, not only the model.

With a cheap model the time goes to HTTP and JSON, so requests wait before any queue of ours sees them: in the sockets,
while the loop works through those it has read. That wait cannot be seen, but it is as long as a pass. A pass begins with
the first request that is read in a turn of the loop, and ends where the next begins. The loop is kept from sleeping for a
few turns, so that two passes that follow each other closely have nothing but work between their beginnings, and their
distance is what all requests of the first cost.
"""

from __future__ import annotations

from collections.abc import Callable

from runners.clock import Loop

TURNS = 2
"""For how many turns of the loop after a pass began another still belongs to the same stretch of work: a request takes one
to be decoded and run, and sometimes another to be answered."""


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
        """Tell that a request has been read."""
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
