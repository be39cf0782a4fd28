"""A worker's connection to the supervisor: it shows that the worker runs, and carries its numbers or its failure.

The connection is a Unix socket that keeps the bounds of messages. The kernel closes it when the worker ends, however that
happens, so the supervisor knows the running workers without polling. `serving.operations.supervisor` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket

import msgspec

from monitoring.service_log.configure import log_level
from monitoring.service_log.level import LogLevelChange
from monitoring.snapshots import Snapshot
from tabento.bundle.numbers import number_text

logger = logging.getLogger("tabento.serving")

ADDRESS_VARIABLE = "_TABENTO_SUPERVISOR"
"""Set by the supervisor for its workers: its process id and the name of its socket, separated by a colon."""
MESSAGE_BYTES = 1 << 20
"""A size above the kernel's limit of one message."""
ANSWER_S = 1.0
"""The seconds that a scrape waits for the supervisor, before it shows this worker only."""


class LinkError(Exception):
    """The supervisor cannot be reached."""


class WorkerCounts(msgspec.Struct, tag=True):
    """The numbers of a worker; with a `question`, the supervisor replies with the numbers of all workers, under the same question."""

    snapshot: Snapshot
    question: int | None = None


class WorkerFailed(msgspec.Struct, tag=True):
    """The worker cannot start."""

    reason: str


class WorkerLeaving(msgspec.Struct, tag=True):
    """The worker accepts no more connections; if no other worker does, the port must refuse them."""


class SupervisorReply(msgspec.Struct, tag=True):
    """The supervisor's answer to a question."""

    question: int
    snapshot: Snapshot


Message = WorkerCounts | WorkerFailed | WorkerLeaving | LogLevelChange
"""The messages to the supervisor. A change of the log's level is also sent from the supervisor to all workers."""
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SupervisorReply | LogLevelChange)


class WorkerLink:
    """A worker's end of the connection.

    Args:
        connection: a connected socket of messages; it is switched to non-blocking.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._asking = asyncio.Lock()
        self._question = 0

    def push(self, snapshot: Snapshot) -> None:
        """Send the numbers of this worker. If the supervisor is busy they are skipped; the next ones contain them.

        Raises:
            LinkError: the supervisor has ended, or the numbers are too many for one message.
        """
        self._send(WorkerCounts(snapshot))

    async def collect(self, snapshot: Snapshot) -> Snapshot:
        """Send the numbers of this worker, and return the sum over all workers.

        Raises:
            LinkError: the supervisor has ended, or did not answer in time.
        """
        loop = asyncio.get_running_loop()
        async with self._asking:
            self._question += 1
            self._send(WorkerCounts(snapshot, self._question))
            try:
                async with asyncio.timeout(ANSWER_S):
                    while True:
                        answer = await loop.sock_recv(self._socket, MESSAGE_BYTES)
                        if not answer:
                            raise LinkError("the supervisor has closed the connection")
                        reply = _receive(answer)
                        # A reply to an earlier question arrived too late.
                        if reply is not None and reply.question == self._question:
                            return reply.snapshot
            except TimeoutError as error:
                raise LinkError(f"the supervisor did not answer within {number_text(ANSWER_S)} s") from error
            except OSError as error:
                raise LinkError(f"the supervisor cannot be reached: {error}") from error

    def receive(self) -> None:
        """Handle the messages that have arrived, except for replies, which ``collect`` waits for; called every second."""
        if self._asking.locked():
            return
        # No message has arrived, or the supervisor has ended.
        with contextlib.suppress(OSError, msgspec.DecodeError):
            while message := self._socket.recv(MESSAGE_BYTES):
                _receive(message)

    def change_log_level(self, change: LogLevelChange) -> None:
        """Ask the supervisor to change the level of the service log in all other processes.

        Raises:
            LinkError: the supervisor has ended.
        """
        self._send(change)

    def fail(self, reason: str) -> None:
        """Report why this worker cannot start; the supervisor then ends the service, unless other workers answer.

        Raises:
            LinkError: the supervisor has ended.
        """
        self._send(WorkerFailed(reason))

    def leave(self) -> None:
        """Report that this worker accepts no more connections.

        Raises:
            LinkError: the supervisor has ended.
        """
        self._send(WorkerLeaving())

    def close(self) -> None:
        """Close the connection, which the supervisor regards as the end of this worker."""
        self._socket.close()

    def _send(self, message: Message) -> None:
        try:
            self._socket.send(_encoder.encode(message))
        except BlockingIOError:
            pass
        except OSError as error:
            raise LinkError(f"the supervisor cannot be reached: {error}") from error


def _receive(data: bytes) -> SupervisorReply | None:
    """Return a reply of the supervisor, or follow its change of the log's level and return None."""
    message = _decoder.decode(data)
    if isinstance(message, SupervisorReply):
        return message
    log_level().change(message)
    logger.warning("the level of the service log is %s now", message.level)
    return None


def connect() -> WorkerLink | None:
    """Return the connection of this process to its supervisor, or None if its parent is not one."""
    parent, _, name = os.environ.get(ADDRESS_VARIABLE, "").partition(":")
    if parent != str(os.getppid()):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(f"\0{name}")
    except OSError:
        connection.close()
        return None
    return WorkerLink(connection)
