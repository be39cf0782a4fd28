"""A client that keeps a number of requests in flight: each answer is followed by the next request.

It runs in a process of its own. Its standard input is JSON: ``{"protocol", "host", "port", "payloads", "in_flight", "seconds"}`` with
payloads in base64. Its standard output is a ``ClientResult`` as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WARM_UP_SHARE = 0.2
"""The share of the seconds that comes before the measurement."""
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
INFER = "/inference.GRPCInferenceService/ModelInfer"


@dataclass(frozen=True)
class ClientResult:
    """The outcome of one run."""

    answers: int
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_cpu_share: float
    """The share of its core that the client used; near 1 the client limits the rate."""
    first_failure: str
    """The first failure as text; empty if there is none."""


class Recorder:
    """Counts answers and their latencies from the end of the warm-up on.

    Args:
        seconds: the length of the measurement.
    """

    def __init__(self, seconds: float) -> None:
        self.start_s = time.perf_counter() + seconds * WARM_UP_SHARE
        self.end_s = self.start_s + seconds
        self.latencies_s: list[float] = []
        self.failures = 0
        self.first_failure = ""
        self._cpu_s: float | None = None

    def add(self, sent_s: float, failure: str = "") -> bool:
        """Record an answer. Returns whether the measurement goes on."""
        now = time.perf_counter()
        if now >= self.start_s:
            if self._cpu_s is None:
                self._cpu_s = time.process_time()
            if failure:
                self.failures += 1
                self.first_failure = self.first_failure or failure
            else:
                self.latencies_s.append(now - sent_s)
        return now < self.end_s

    def result(self) -> ClientResult:
        """Return the outcome."""
        seconds = time.perf_counter() - self.start_s
        cpu_s = time.process_time() - (self._cpu_s or 0.0)
        milliseconds = np.array(self.latencies_s or [float("nan")]) * 1000
        p50_ms, p99_ms = np.quantile(milliseconds, (0.5, 0.99)).tolist()
        n_answers = len(self.latencies_s)
        return ClientResult(
            n_answers, self.failures, seconds, p50_ms, p99_ms, cpu_s / seconds, self.first_failure[:500]
        )


class _HttpConnection:
    """One connection with one request in flight."""

    def __init__(self, host: str, port: int, index: int) -> None:
        self.socket = socket.create_connection((host, port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.next_index = index
        self.sent_s = 0.0
        self._received = b""

    def send(self, payloads: Sequence[bytes], step: int) -> None:
        """Send the next request."""
        payload = payloads[self.next_index % len(payloads)]
        self.next_index += step
        self.sent_s = time.perf_counter()
        self.socket.sendall(payload)

    def receive(self) -> bytes | None:
        """Return the answer if it is complete.

        Raises:
            ConnectionError: the server closed the connection.
        """
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._received += chunk
        head_end = self._received.find(HEAD_END)
        if head_end < 0:
            return None
        start = self._received.lower().find(LENGTH, 0, head_end) + len(LENGTH)
        length = int(self._received[start : self._received.index(b"\r", start)])
        if len(self._received) < head_end + len(HEAD_END) + length:
            return None
        answer, self._received = self._received, b""
        return answer


def run_http(host: str, port: int, payloads: Sequence[bytes], in_flight: int, seconds: float) -> ClientResult:
    """Keep requests of HTTP in flight, each on a connection of its own."""
    selector = selectors.DefaultSelector()
    connections = [_HttpConnection(host, port, index) for index in range(in_flight)]
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    recorder = Recorder(seconds)
    for connection in connections:
        connection.send(payloads, in_flight)
    goes_on = True
    while goes_on:
        for key, _ in selector.select():
            connection = key.data
            answer = connection.receive()
            if answer is not None:
                failure = "" if answer.startswith(b"HTTP/1.1 200") else answer.decode("utf-8", "replace")
                goes_on = recorder.add(connection.sent_s, failure) and goes_on
                connection.send(payloads, in_flight)
    result = recorder.result()
    for connection in connections:
        connection.socket.close()
    return result


async def run_grpc(host: str, port: int, payloads: Sequence[bytes], in_flight: int, seconds: float) -> ClientResult:
    """Keep calls of gRPC in flight on one connection."""
    import grpc.aio  # only this protocol needs it

    recorder = Recorder(seconds)
    async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
        infer = channel.unary_unary(INFER)

        async def repeat(index: int) -> None:
            goes_on = True
            while goes_on:
                payload = payloads[index % len(payloads)]
                index += in_flight
                sent_s = time.perf_counter()
                failure = ""
                try:
                    await infer(payload)
                except grpc.aio.AioRpcError as error:
                    failure = f"{error.code()}: {error.details()}"
                goes_on = recorder.add(sent_s, failure)

        await asyncio.gather(*map(repeat, range(in_flight)))
        return recorder.result()


def main() -> None:
    """Run the order of the standard input."""
    order: dict[str, Any] = json.load(sys.stdin)
    payloads = [base64.b64decode(text) for text in order["payloads"]]
    arguments = order["host"], order["port"], payloads, order["in_flight"], order["seconds"]
    if order["protocol"] == "gRPC":
        import uvloop

        result = uvloop.run(run_grpc(*arguments))
    else:
        result = run_http(*arguments)
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
