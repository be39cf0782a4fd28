"""The framing of messages on the Unix socket between workers and the monitor: each message behind its length in four bytes."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any, cast

import msgspec

from monitoring.records import MESSAGE_LIMIT

logger = logging.getLogger("tabento.monitoring")

LENGTH_BYTES = 4
PEER = struct.Struct("3i")
"""The process, the user and the group at the other end of a Unix socket, as ``SO_PEERCRED`` has them."""
_encode = msgspec.msgpack.Encoder().encode


def frame(message: msgspec.Struct) -> bytes:
    """Return a message with its length in front."""
    content = _encode(message)
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


class FrameReader:
    """Cuts a stream of bytes into messages.

    Args:
        decode: returns the message of a frame's content.
    """

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages that are complete with these bytes.

        Raises:
            ValueError: the bytes are not a message.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Any] = []
        position = 0
        while len(buffer) - position >= LENGTH_BYTES:
            length = int.from_bytes(buffer[position : position + LENGTH_BYTES], "big")
            if length > MESSAGE_LIMIT:
                raise ValueError(f"a message has {length} bytes, more than {MESSAGE_LIMIT}")
            end = position + LENGTH_BYTES + length
            if len(buffer) < end:
                break
            messages.append(self._decode(bytes(buffer[position + LENGTH_BYTES : end])))
            position = end
        del buffer[:position]
        return messages


class FrameProtocol(asyncio.Protocol):
    """One end of the connection.

    Args:
        decode: returns the message of a frame's content.
        receive: called with each message.
        lost: called once when the connection has ended.
    """

    def __init__(
        self, decode: Callable[[bytes], Any], receive: Callable[[Any], object], lost: Callable[[], object]
    ) -> None:
        self._reader = FrameReader(decode)
        self._receive = receive
        self._lost = lost
        self.transport: asyncio.Transport | None = None
        """The transport; None before and after the connection."""
        self.closed = asyncio.Event()
        """Set when the connection has ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport of a new connection."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses

    def data_received(self, data: bytes) -> None:
        """Pass complete messages on; a connection with another content is closed."""
        try:
            messages = self._reader.feed(data)
        except ValueError as error:  # also msgspec's errors
            logger.warning("a connection of the monitor is closed, since its content is not a message: %s", error)
            if self.transport is not None:
                self.transport.close()
            return
        for message in messages:
            self._receive(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the connection."""
        self.transport = None
        self.closed.set()
        self._lost()
