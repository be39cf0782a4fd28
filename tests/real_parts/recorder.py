"""A tiny server behind a proxy that answers every request, and stores the bytes from the proxy."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.serving.fastpath.reference import read_with_h11

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n"
_READ_BYTES = 65_536
_SILENCE_S = 30.0


class Recorder:
    """Stores the bytes of each connection, in the order of the connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._connections: list[bytearray] = []

    def begin(self) -> bytearray:
        """Return the buffer of a new connection."""
        with self._lock:
            self._connections.append(bytearray())
            return self._connections[-1]

    def take(self) -> list[bytes]:
        """Return and delete the bytes of the connections since the last call."""
        with self._lock:
            connections, self._connections = self._connections, []
        return [bytes(data) for data in connections]


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder; each of its connections ends with the answer to its first whole request."""
    recorder: Recorder

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(_SILENCE_S)
            record = recorder.begin()
            try:
                while data := connection.recv(_READ_BYTES):
                    record += data
                    if _expects(record):
                        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                    reading = read_with_h11(bytes(record))
                    if reading.requests or (reading.fault and "closed" not in reading.fault):
                        connection.sendall(_ANSWER + b"Connection: close\r\n\r\n{}")
                        return
            except OSError:
                pass  # the proxy left

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        recorder = Recorder(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, name="recorder")
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


def _expects(record: bytearray) -> bool:
    head, end, content = bytes(record).partition(b"\r\n\r\n")
    return bool(end) and not content and b"100-continue" in head.lower()
