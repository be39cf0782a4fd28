"""A steady load on a monitored service, of which every answer is kept: predictions, their truths, health and counts."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.bundles import TREE

RowKey = tuple[str, int]
"""A request id, and the index of a row in its request."""

CLIENTS = 4
PAUSE_S = 0.02
"""The pause of a client between two requests."""
BATCH_SHARE = 0.1
BATCH_ROWS = 5
TRUTHS = 50
"""The truths of one request."""
WATCH_S = 0.2
TIMEOUT_S = 40.0
"""Longer than the service waits for its monitor."""
RETRY_S = 0.3
LAST_TRUTHS_S = 30.0
"""The seconds for which truths are still sent after the load."""
_COUNTERS = ("tabento_log_rows_total", "tabento_log_errors_total", "tabento_monitor_rows_total")
"""Counters of the monitor process, which begin at 0 when it is started again."""


class Client:
    """A connection that is opened again after an error.

    Args:
        address: ``http://host:port``.
        key: the API key; None without keys.
    """

    def __init__(self, address: str, key: str | None = None) -> None:
        self._key_header = {} if key is None else {"x-api-key": key}
        self._host = urlsplit(address).netloc
        self._connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, body: bytes | None = None, request_id: str | None = None
    ) -> tuple[int, bytes]:
        """Return status and content.

        Raises:
            OSError: there is no complete answer.
        """
        headers = {**self._key_header, **({} if body is None else {"content-type": "application/json"})}
        if request_id is not None:
            headers["x-request-id"] = request_id
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise error if isinstance(error, OSError) else OSError(type(error).__name__) from error

    def port(self) -> int:
        """Return the client's port of the open connection; 0 if there is none."""
        sock = None if self._connection is None else self._connection.sock
        return 0 if sock is None else int(sock.getsockname()[1])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Load:
    """Threads that predict, send truths and watch the service.

    Args:
        address: the address of the service.
        name: the start of all request ids.
        truths: whether each fifth answer gets a truth.
    """

    def __init__(self, address: str, name: str, truths: bool = True) -> None:
        self.answers: dict[RowKey, float] = {}
        """The prediction of each answered row."""
        self.answered: dict[RowKey, float] = {}
        """The time of each answer, by ``time.monotonic``."""
        self.errors: Counter[str] = Counter()
        """Requests without an answer of success, by reason."""
        self.failed_ids: set[str] = set()
        self.truths: dict[RowKey, float] = {}
        """The truths that were acknowledged."""
        self.refused_truths = 0
        """Requests with truths that were refused and sent again later."""
        self.health: list[tuple[float, str, str]] = []
        """Time, status and message of ``monitoring``; the last two are empty if there was no answer."""
        self._address = address
        self._name = name
        self._has_truths = truths
        self._waiting: list[tuple[RowKey, float]] = []
        self._lock = threading.Lock()
        self._ended_s = 0.0
        self._end = threading.Event()
        self._end_truths = threading.Event()
        self._end_watch = threading.Event()
        self._series: dict[str, float] = {}
        self._past: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the load until the block ends; then send the truths that wait."""
        clients = [threading.Thread(target=self._predict, args=(number,)) for number in range(CLIENTS)]
        truths, watch = threading.Thread(target=self._send_truths), threading.Thread(target=self._watch)
        for thread in (*clients, truths, watch):
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in clients:
                thread.join()
            self._ended_s = time.monotonic()
            self._end_truths.set()
            truths.join()
            self._end_watch.set()
            watch.join()

    def count(self) -> int:
        """Return the number of answered rows."""
        with self._lock:
            return len(self.answers)

    def total(self, name: str, label: str = "") -> int:
        """Return a counter, added up over all monitor processes of the service.

        Args:
            name: the metric.
            label: a part of the labels' text.
        """
        values = Counter(self._past)
        values.update(self._series)
        return int(sum(value for key, value in values.items() if key.partition("{")[0] == name and label in key))

    def status(self) -> tuple[str, str]:
        """Return the newest status and message of ``monitoring``."""
        return self.health[-1][1:] if self.health else ("", "")

    def looked_s(self) -> float:
        """Return the time of that status, by ``time.monotonic``."""
        return self.health[-1][0] if self.health else 0.0

    def look(self) -> None:
        """Read health and metrics once."""
        client = Client(self._address)
        try:
            self._look(client)
        finally:
            client.close()

    def _predict(self, number: int) -> None:
        client, rng, index = Client(self._address), random.Random(number), 0  # noqa: S311 - a seeded load, not a secret
        while not self._end.wait(PAUSE_S):
            index += 1
            request_id = f"{self._name}-{number}-{index}"
            n_rows = BATCH_ROWS if rng.random() < BATCH_SHARE else 1
            rows = [{**TREE, "age": rng.randint(1, 60), "height": rng.uniform(1, 9)} for _ in range(n_rows)]
            body = json.dumps(rows[0] if n_rows == 1 else {"instances": rows}).encode()
            try:
                status, content = client.request("POST", "/predict", body, request_id)
            except OSError as error:
                self._fail(request_id, type(error).__name__)
                continue
            if status != 200:
                self._fail(request_id, str(status))
                continue
            answer = json.loads(content)
            predictions = [answer["prediction"]] if n_rows == 1 else answer["predictions"]
            with self._lock:
                for row, value in enumerate(predictions):
                    self.answers[request_id, row] = value
                    self.answered[request_id, row] = time.monotonic()
                if self._has_truths and index % 5 == 0:
                    self._waiting.append(((request_id, 0), predictions[0] + rng.gauss(0, 1)))
        client.close()

    def _fail(self, request_id: str, reason: str) -> None:
        with self._lock:
            self.errors[reason] += 1
            self.failed_ids.add(request_id)

    def _send_truths(self) -> None:
        client = Client(self._address)
        while True:
            with self._lock:
                part, self._waiting = self._waiting[:TRUTHS], self._waiting[TRUTHS:]
            if not part:
                if self._end_truths.is_set():
                    break
                self._end_truths.wait(RETRY_S)
                continue
            body = json.dumps([{"request_id": key[0], "row": key[1], "truth": value} for key, value in part]).encode()
            status = 0
            with suppress(OSError):
                status, _ = client.request("POST", "/feedback", body)
            if status == 200:
                self.truths.update(part)
            else:
                self.refused_truths += 1
                with self._lock:
                    self._waiting = part + self._waiting
                if self._end_truths.is_set() and (
                    not self.status()[0] or time.monotonic() > self._ended_s + LAST_TRUTHS_S
                ):
                    break  # the service has ended, or does not recover
                time.sleep(RETRY_S)
        client.close()

    def _watch(self) -> None:
        client = Client(self._address)
        while not self._end_watch.wait(WATCH_S):
            self._look(client)
        client.close()

    def _look(self, client: Client) -> None:
        status, message = "", ""
        with suppress(OSError, KeyError, ValueError):
            component = json.loads(client.request("GET", "/health")[1])["components"]["monitoring"]
            status, message = component["status"], component.get("message", "")
        self.health.append((time.monotonic(), status, message))
        with suppress(OSError):
            code, text = client.request("GET", "/metrics")
            if code == 200:
                self._add_series(text.decode())

    def _add_series(self, text: str) -> None:
        series = {}
        for line in text.splitlines():
            key, _, value = line.rpartition(" ")
            if key.startswith("tabento_"):
                series[key] = float(value)
        monitor = {key for key in self._series if key.startswith(_COUNTERS)}
        rows = "tabento_monitor_rows_total"
        if not any(key.startswith(_COUNTERS) for key in series):
            # The monitor is away: keep what its last numbers were.
            series |= {key: self._series[key] for key in monitor}
        elif series.get(rows, 0.0) < self._series.get(rows, 0.0):
            # The numbers are of another monitor process.
            self._past.update({key: self._series[key] for key in monitor})
        self._series = series


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Return True as soon as a condition is true, False after some seconds."""
    end_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True
