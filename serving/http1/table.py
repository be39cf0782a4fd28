"""All connections of one server: their number, what they hold in memory, and the clock that ends those that wait too long.

One timer looks at every connection a few times in each of the shortest limits. That costs a request nothing: it reads the
time that the timer left, instead of arming and cancelling a timer of its own.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Protocol

from serving.memory import MemoryTrimmer, c_library_trim
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")

TICK_S = 1.0
"""How often connections are looked at, at most."""
TICKS_PER_LIMIT = 4
"""A limit that is shorter than some ticks makes the ticks shorter."""


OTHER_FILES = 128
"""How many files a worker opens besides its connections, at most."""


def raise_file_limit(connections: int) -> int:
    """Allow this process as many open files as so many connections need; return how many connections there can be.

    Args:
        connections: how many are wanted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        logger.warning(
            "max_connections is %d, but this process may open %d files; %d connections are allowed",
            *(connections, allowed, max(allowed - OTHER_FILES, 1)),
        )
    return max(allowed - OTHER_FILES, 1)


class Timed(Protocol):
    """A connection, as the table sees it."""

    def check(self, now: float) -> None:
        """End the connection if it has waited longer than a limit allows.

        Args:
            now: the loop's time, in seconds.
        """
        ...

    def abort(self) -> None:
        """Close the connection at once, whatever is in flight on it."""
        ...


class ConnectionTable:
    """The open connections of one server.

    Args:
        settings: the serving settings.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self.max_connections = settings.max_connections
        self._max_buffered_bytes = settings.max_buffered_bytes
        limits = (
            settings.head_timeout_s,
            settings.keep_alive_s,
            settings.body_timeout_s,
            settings.write_timeout_s,
            settings.answer_timeout_s,
        )
        self.tick_s = min(TICK_S, min(limits) / TICKS_PER_LIMIT)
        self.now = 0.0
        """The loop's time at the last tick, in seconds: up to ``tick_s`` too early."""
        self.buffered_bytes = 0
        """How many bytes are reserved for bodies that are still arriving."""
        self._connections: set[Timed] = set()
        self._memory = MemoryTrimmer(trim=c_library_trim())
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Timed, loop: asyncio.AbstractEventLoop) -> None:
        """Take a connection in, and see to it that the clock runs."""
        self._connections.add(connection)
        if self._timer is None:
            self.now = loop.time()
            self._timer = loop.call_later(self.tick_s, self._tick, loop)

    def remove(self, connection: Timed) -> None:
        """Forget a connection that is lost."""
        self._connections.discard(connection)

    def reserve(self, size: int) -> bool:
        """Reserve memory for a body that is still arriving; tell whether there is enough."""
        if self.buffered_bytes + size > self._max_buffered_bytes:
            return False
        self.buffered_bytes += size
        return True

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        self.buffered_bytes -= size

    def abort_all(self) -> int:
        """Close every connection at once; return how many there were."""
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        return len(connections)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        for connection in list(self._connections):
            try:
                connection.check(self.now)
            except Exception:
                logger.exception("a connection could not be checked, and is closed")
                connection.abort()
        self._memory.check(self.now)
        self._timer = loop.call_later(self.tick_s, self._tick, loop) if self._connections else None
