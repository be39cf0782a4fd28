"""Requests at a steady rate over a few connections, of which each answer is kept with its time, version and connection."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.live_rollouts.versions import draw_row, expected_answer
from benchmarks.monitored_load import Client

CONNECTIONS = 12
TOLERANCE = 1e-9
"""The relative difference of two answers that are equal but for rounding."""


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    sent_s: float
    """The time of the request, by ``time.monotonic``."""
    done_s: float
    """The time of the answer."""
    status: int
    """The HTTP status; 0 if there was no answer."""
    version: str
    """The version that answered; empty if the request failed."""
    port: int
    """The client's port of the connection, by which the worker can be found; 0 if it is unknown."""


class Traffic:
    """Threads that send requests at random times, each over a connection of its own.

    Args:
        address: the address of the service.
        rate_per_s: the mean number of requests a second of all threads.
        seed: draws times and rows.
    """

    def __init__(self, address: str, rate_per_s: float, seed: int) -> None:
        self.answers: list[Answer] = []
        """All answers in the order of their arrival."""
        self.wrong: list[str] = []
        """Descriptions of answers with another number than their version gives."""
        self.breaks: bool | None = None
        """Whether the version with errors fails on the rows from now on; None: on some."""
        self._address = address
        self._pause_s = CONNECTIONS / rate_per_s
        self._seed = seed
        self._end = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send requests while the block runs."""
        threads = [threading.Thread(target=self._send, args=(number,)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join()

    def statuses(self) -> Counter[int]:
        """Return the number of answers by status."""
        return Counter(answer.status for answer in list(self.answers))

    def since(self, start_s: float) -> list[Answer]:
        """Return the answers that arrived since a time."""
        return [answer for answer in list(self.answers) if answer.done_s >= start_s]

    def _send(self, number: int) -> None:
        random = np.random.default_rng([self._seed, number])
        client = Client(self._address)
        next_s = time.monotonic()
        while True:
            # A late answer delays the following requests of its connection, and they catch up.
            next_s += random.exponential(self._pause_s)
            if self._end.wait(max(next_s - time.monotonic(), 0.0)):
                break
            row = draw_row(random, self.breaks)
            body = json.dumps(row).encode()
            sent_s = time.monotonic()
            try:
                status, content = client.request("POST", "/predict", body)
            except OSError:
                self.answers.append(Answer(sent_s, time.monotonic(), 0, "", 0))
                continue
            version = ""
            if status == 200:
                answer = json.loads(content)
                version = answer["version"]
                expected = expected_answer(row, version)
                if abs(answer["prediction"] - expected) > TOLERANCE * abs(expected):
                    self.wrong.append(f"{version}: {answer['prediction']} instead of {expected}")
            self.answers.append(Answer(sent_s, time.monotonic(), status, version, client.port()))
        client.close()
