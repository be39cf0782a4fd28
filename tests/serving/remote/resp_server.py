"""A small server that speaks Redis' protocol, for tests of a client: it answers, hangs or refuses as a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

Command = tuple[bytes, ...]


class RespServer:
    """A server of the commands of a connection's start, ``PING`` and ``ECHO``.

    Every command and answer is recorded.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.answers = asyncio.Event()
        """Whether commands are answered; if not, they wait."""
        self.answers.set()
        self.error: bytes | None = None
        """The error that answers every command; None for none."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(count):
                    length = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                command = tuple(words)
                self.commands.append(command)
                await self.answers.wait()
                writer.write(self._answer(command))
        self._writers.discard(writer)
        writer.close()

    def _answer(self, command: Command) -> bytes:
        if self.error is not None:
            return b"-%b\r\n" % self.error
        if command[0] == b"PING":
            return b"+PONG\r\n"
        if command[0] == b"ECHO":
            return b"$%d\r\n%b\r\n" % (len(command[1]), command[1])
        return b"+OK\r\n"


@contextlib.asynccontextmanager
async def resp_server() -> AsyncIterator[RespServer]:
    """Run a server until the block ends."""
    server = RespServer()
    await server.start()
    try:
        yield server
    finally:
        server.answers.set()
        await server.stop()
