"""One TCP connection below HTTP: its address, flow control, and an end that lets the client read the last answer."""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from typing import Any

from serving.client_address import UNKNOWN_ADDRESS, address_group, normal_address, parse_address
from serving.fastpath.connection_context import ConnectionContext

logger = logging.getLogger("tabento.serving")

LINGER_S = 2.0
"""The time for which a client that was refused may continue to send before its connection is closed."""
LINGER_BYTES = 16 * 1024 * 1024
"""The number of bytes that are dropped meanwhile before its connection is closed."""


class TcpConnection(asyncio.Protocol):
    """Writes to a client within limits of time and memory.

    Args:
        context: the context that all connections of the server share.
        loop: the running event loop.
    """

    __slots__ = (
        "_address",
        "_client",
        "_closing",
        "_context",
        "_eof",
        "_group",
        "_is_proxied",
        "_is_tls",
        "_lingered_bytes",
        "_lingering",
        "_loop",
        "_reading_paused",
        "_scheme",
        "_server",
        "_since",
        "_stalled_bytes",
        "_table",
        "_transport",
        "_writable",
        "_write_paused",
        "client_address",
        "is_gone",
    )

    def __init__(self, context: ConnectionContext, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._loop = loop
        self._table = context.table
        self._transport: Any = None
        self._client: tuple[str, int] | None = None
        self._address = UNKNOWN_ADDRESS
        """The address of the other end of the connection."""
        self._is_proxied = False
        """Whether the other end is a trusted proxy."""
        self.client_address = UNKNOWN_ADDRESS
        """The address of the client of the present plain request; behind a proxy it is the one that the proxy names."""
        self._server: tuple[str, int | None] | None = None
        self._group: str | None = None
        """The group of addresses for which the connection is counted; None if it is not counted."""
        self._scheme = "http"
        self._is_tls = False
        self._since = 0.0
        """The time of the last progress, on the table's clock."""
        self._closing = False
        """Whether the connection ends with the present answer."""
        self._eof = False
        """Whether the client sends no more."""
        self._lingering = False
        self._lingered_bytes = 0
        self._reading_paused = False
        self._write_paused = False
        self._stalled_bytes = 0
        self._writable: asyncio.Future[None] | None = None
        self.is_gone = False
        """Whether the connection is lost."""

    def _connect(self, transport: Any) -> None:
        """Store a new transport and its addresses."""
        self._transport = transport
        self._client = _address(transport.get_extra_info("peername"))
        if self._client is not None:
            self._address = normal_address(self._client[0])
        self._is_proxied = self._context.addresses.trusts(self._address)
        self.client_address = self._address
        if not self._is_proxied:
            self._group = _counted_group(self._address)
        self._server = _address(transport.get_extra_info("sockname"))
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme, self._is_tls = "https", True
        _keep_tcp_alive(transport)

    def write(self, data: bytes) -> None:
        """Write bytes of an answer, unless the client has left."""
        if not self.is_gone and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has read enough, so that more can be written."""
        while self._write_paused and not self.is_gone:
            if self._writable is None:
                self._writable = self._loop.create_future()
            await asyncio.shield(self._writable)

    def _linger(self, is_expected: bool) -> None:
        """Close the connection, so that the client can read the bytes that were written.

        TLS has no end of one side only: the client learns from ``Connection: close`` that the answer is the last one. Its
        further bytes are dropped before the connection is closed, since bytes that arrive later would reset it.

        Args:
            is_expected: whether the client has asked for the end, so that it sends nothing more.
        """
        self._note_unsent()
        if self._eof or (self._is_tls and is_expected):
            self._transport.close()
            return
        self._lingering = True
        if not self._is_tls:
            self._transport.write_eof()
        self._resume_reading()

    def _throw_away(self, size: int) -> None:
        self._lingered_bytes += size
        if self._lingered_bytes > LINGER_BYTES:
            self._transport.close()

    def _note_unsent(self) -> None:
        """Begin to watch whether the client reads the bytes that were written."""
        self._since = self._table.now
        self._stalled_bytes = self._transport.get_write_buffer_size()

    def _check_unsent(self, now: float, waited_s: float) -> None:
        """Close a connection whose client does not read its answer, or that only lingers."""
        size = self._transport.get_write_buffer_size()
        if size < self._stalled_bytes:
            self._stalled_bytes, self._since = size, now
        elif size and waited_s > self._context.write_timeout_s:
            logger.warning("a client did not read its answer for %g s and is cut off", self._context.write_timeout_s)
            self.abort()
        elif not size and waited_s > LINGER_S:
            if self._is_tls and not self._transport.is_closing():
                self._since = now
                self._transport.close()  # with TLS's own end, which shows the client that nothing is missing
            else:
                self.abort()

    def abort(self) -> None:
        """Close the connection immediately, also if a request is in flight on it."""
        self._transport.abort()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.is_gone and not self._eof:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if not self.is_gone and not self._transport.is_closing():
                self._transport.resume_reading()

    def _readable(self) -> bool:
        """Return whether bytes wait in the socket: the client may have sent a request at the last moment."""
        handle = self._transport.get_extra_info("socket")
        if handle is None:
            return False
        poll = select.poll()
        poll.register(handle.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _address(name: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's name; None for sockets without them."""
    return (str(name[0]), int(name[1])) if isinstance(name, list | tuple) and len(name) >= 2 else None


def _counted_group(address: str) -> str | None:
    """Return the group for which connections of an address are counted; None for this computer and Unix sockets."""
    parsed = parse_address(address)
    return None if parsed is None or parsed.is_loopback else address_group(address)


def _keep_tcp_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel detect that a client's computer is not reachable any more."""
    handle = transport.get_extra_info("socket")
    if handle is not None and handle.family in (socket.AF_INET, socket.AF_INET6):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
