"""All connections of one server: their number, their memory, and the clock that closes connections that wait too long.

One timer checks every connection, several times within the shortest limit. So a request needs no timer of its own: it only
reads the time of the last tick.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Protocol

from serving.operations.memory import MemoryTrimmer, c_library_trim
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")

TICK_S = 1.0
"""The longest time between two checks, in seconds."""
TICKS_PER_LIMIT = 4
"""The smallest number of ticks within a limit: a short limit makes the ticks shorter."""


OTHER_FILES = 128
"""The largest number of files that a worker opens in addition to its connections."""


def raise_file_limit(connections: int) -> int:
    """Raise the limit of open files of this process for a number of connections; return the number that is possible.

    Args:
        connections: the requested number.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    required = connections + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= required:
        return connections
    allowed = required if hard == resource.RLIM_INFINITY else min(required, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < required:
        logger.warning(
            "max_connections is %d, but this process may open %d files; %d connections are allowed",
            *(connections, allowed, max(allowed - OTHER_FILES, 1)),
        )
    return max(allowed - OTHER_FILES, 1)


SLOW_S = 2.0
"""A connection is slow if it has waited longer than this time, in seconds, for the rest of a request."""


class TimedConnection(Protocol):
    """The part of a connection that the table uses."""

    def reading_since(self) -> float | None:
        """Return the time since which the connection waits for a request, on the loop's clock.

        None if it waits for no bytes of its client, or only for another request after an answer.
        """
        ...

    def end_slow(self) -> None:
        """End the connection, because too many wait for their clients."""
        ...

    def check(self, now: float) -> None:
        """End the connection if it has waited longer than a limit allows.

        Args:
            now: the loop's time, in seconds.
        """
        ...

    def abort(self) -> None:
        """Close the connection immediately, also if a request is in flight on it."""
        ...


class ConnectionTable:
    """The open connections of one server.

    Args:
        settings: the serving settings.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self.max_connections = settings.max_connections
        self._max_per_address = settings.max_connections_per_address
        self._max_slow = settings.max_slow_connections
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
        """The number of bytes that are reserved for bodies that are still arriving."""
        self._connections: set[TimedConnection] = set()
        self._per_address: dict[str, int] = {}
        self._memory = MemoryTrimmer(trim=c_library_trim())
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: TimedConnection, loop: asyncio.AbstractEventLoop) -> None:
        """Add a connection, and start the clock if it is not running."""
        self._connections.add(connection)
        if self._timer is None:
            self.now = loop.time()
            self._timer = loop.call_later(self.tick_s, self._tick, loop)

    def remove(self, connection: TimedConnection) -> None:
        """Forget a connection that is lost."""
        self._connections.discard(connection)

    def add_address(self, address: str) -> bool:
        """Count a connection of an address; return whether the address has no more than it may have."""
        count = self._per_address[address] = self._per_address.get(address, 0) + 1
        return count <= self._max_per_address

    def remove_address(self, address: str) -> None:
        """Forget a connection of an address."""
        count = self._per_address.get(address, 0) - 1
        if count > 0:
            self._per_address[address] = count
        else:
            self._per_address.pop(address, None)

    def reserve(self, size: int) -> bool:
        """Reserve memory for a body that is still arriving; return whether there is enough."""
        if self.buffered_bytes + size > self._max_buffered_bytes:
            return False
        self.buffered_bytes += size
        return True

    def release(self, size: int) -> None:
        """Release reserved memory."""
        self.buffered_bytes -= size

    def abort_all(self) -> int:
        """Close every connection immediately; return their number."""
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
        if len(self._connections) > self._max_slow:
            self._end_slow()
        self._memory.check(self.now)
        self._timer = loop.call_later(self.tick_s, self._tick, loop) if self._connections else None

    def _end_slow(self) -> None:
        """End the connections that have waited longest for a request, if too many wait."""
        waits = []
        for connection in self._connections:
            since = connection.reading_since()
            if since is not None and self.now - since > SLOW_S:
                waits.append((since, connection))
        excess = len(waits) - self._max_slow
        if excess <= 0:
            return
        waits.sort(key=lambda wait: wait[0])
        logger.warning("%d connections wait for the rest of a request; %d are closed", len(waits), excess)
        for _, connection in waits[:excess]:
            connection.end_slow()
