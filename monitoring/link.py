"""A worker's connection to the monitor process.

The connection is made again every second while it is missing. Messages that the monitor has not read yet wait in memory up to a
limit; further records are dropped and counted. So a slow or missing monitor delays no prediction.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable

import msgspec

from monitoring.frames import PEER, FrameProtocol, frame
from monitoring.records import (
    FromMonitor,
    ModelDescription,
    MonitorNumbers,
    Question,
    Records,
    Reply,
)

ADDRESS_VARIABLE = "_TABENTO_MONITOR"
"""Set by the supervisor for its workers: its process id and the name of the monitor's socket, separated by a colon."""
RECONNECT_S = 1.0
"""The seconds until a missing connection is tried again."""
CLOSE_S = 2.0
"""The seconds within which the last messages must be sent."""
MOST_QUESTIONS = 64
"""The largest number of clients' questions that wait for the monitor; further ones are refused."""
ANSWER_S = 30.0
"""The seconds that a client's question waits for the monitor."""

logger = logging.getLogger("tabento.monitoring")

_decode: Callable[[bytes], FromMonitor] = msgspec.msgpack.Decoder(FromMonitor).decode


class MonitorUnavailableError(Exception):
    """The monitor process cannot be reached, or did not answer in time."""


class MonitorLink:
    """A worker's end of the connection.

    Args:
        address: the name of the abstract Unix socket.
        buffer_bytes: the largest number of bytes that wait for the monitor.
    """

    def __init__(self, address: str, buffer_bytes: int) -> None:
        self._address = address
        self._buffer_bytes = buffer_bytes
        self._protocol: FrameProtocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._models: list[ModelDescription] = []
        self._questions: dict[int, asyncio.Future[Reply]] = {}
        self._question_number = 0
        self._sent_rows = 0
        self._handled_rows = 0
        self._stopped = self._has_stranger = False
        self.numbers: MonitorNumbers | None = None
        """The latest metrics and health of the monitor; None while there is no connection."""
        self.numbers_s = 0.0
        """The time at which they came, by ``time.monotonic``; before the first ones, the time of the connection."""
        self.dropped_rows: dict[str, int] = {"full": 0, "down": 0, "lost": 0}
        """Rows without a record: the buffer was full, there was no connection, or the monitor ended before it handled them."""
        self.dropped_errors: dict[str, int] = {"full": 0, "down": 0}
        """Requests with an error whose record was dropped."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._protocol is not None and self._protocol.transport is not None

    def start(self) -> None:
        """Connect, and connect again whenever the connection ends; called on the running loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(RECONNECT_S, self.start)
        if not self.is_connected and (self._task is None or self._task.done()):
            self._task = loop.create_task(self._connect())

    async def stop(self) -> None:
        """Send the messages that wait, and close the connection."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        protocol = self._protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.close()  # after the buffer is sent
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await protocol.closed.wait()

    def add_model(self, model: ModelDescription) -> None:
        """Describe a model before its first records."""
        self._models.append(model)
        self._write(frame(model))

    def send_records(self, records: Records, rows: int) -> None:
        """Send records, or drop and count them.

        Args:
            records: the records.
            rows: the number of their predicted rows.
        """
        if self.is_connected and self._write(frame(records)):
            self._sent_rows += rows
            return
        reason = "full" if self.is_connected else "down"
        self.dropped_rows[reason] += rows
        self.dropped_errors[reason] += len(records.failures)

    def send(self, message: msgspec.Struct) -> None:
        """Send another message, unless the buffer is full or there is no connection."""
        self._write(frame(message))

    async def ask(self, name: str, query: dict[str, str], content: bytes) -> Reply:
        """Return the monitor's reply to a client's question.

        Raises:
            MonitorUnavailableError: there is no connection, it ended, or no reply came in time.
        """
        if len(self._questions) >= MOST_QUESTIONS:
            raise MonitorUnavailableError("Too many questions wait for the monitor process. Repeat later.")
        self._question_number += 1
        number = self._question_number
        # Half of the buffer stays free for records.
        if not self._write(frame(Question(number, name, query, content)), self._buffer_bytes // 2):
            raise MonitorUnavailableError("The monitor process is not available. Predictions are answered. Try again.")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._questions[number] = future
        try:
            async with asyncio.timeout(ANSWER_S):
                return await future
        except TimeoutError as error:
            raise MonitorUnavailableError("The monitor process did not answer in time. Try again later.") from error
        finally:
            del self._questions[number]

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()

        def make_protocol() -> FrameProtocol:
            return FrameProtocol(_decode, self._receive, self._lose)

        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, f"\0{self._address}")
            self._check_owner(connection)
            _, protocol = await loop.create_unix_connection(make_protocol, sock=connection)
        except OSError:
            connection.close()
            return
        self._protocol = protocol
        self.numbers_s = time.monotonic()
        self._sent_rows = self._handled_rows = 0
        assert protocol.transport is not None
        protocol.transport.set_write_buffer_limits(high=self._buffer_bytes)
        for model in self._models:
            self._write(frame(model))

    def _check_owner(self, connection: socket.socket) -> None:
        """Raise OSError if the socket belongs to another user: its name is free for everybody after the service has ended."""
        _, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        if user != os.geteuid():
            if not self._has_stranger:
                logger.error("the monitor's socket belongs to user %d; no record is sent there", user)
            self._has_stranger = True
            raise PermissionError("the socket belongs to another user")

    def _write(self, content: bytes, limit: int | None = None) -> bool:
        """Write a message; return False if there is no connection, or if more bytes than a limit would wait."""
        protocol = self._protocol
        if protocol is None or protocol.transport is None:
            return False
        if protocol.transport.get_write_buffer_size() + len(content) > (limit or self._buffer_bytes):
            return False
        protocol.transport.write(content)
        return True

    def _receive(self, message: FromMonitor) -> None:
        if isinstance(message, MonitorNumbers):
            self.numbers, self.numbers_s = message, time.monotonic()
            self._handled_rows = message.handled_rows
            return
        future = self._questions.get(message.number)
        if future is not None and not future.done():
            future.set_result(message)

    def _lose(self) -> None:
        self._protocol = self.numbers = None
        if not self._stopped:
            self.dropped_rows["lost"] += self._sent_rows - self._handled_rows
        for future in self._questions.values():
            if not future.done():
                future.set_exception(
                    MonitorUnavailableError("The monitor process ended before it answered. Try again.")
                )


def monitor_address() -> str | None:
    """Return the name of the monitor's socket; None if the parent of this process is not a supervisor with a monitor."""
    parent, _, name = os.environ.get(ADDRESS_VARIABLE, "").partition(":")
    return name if name and parent == str(os.getppid()) else None
