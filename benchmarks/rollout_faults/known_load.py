"""A small load of rows whose answers are known for each version: every answer is checked, with the version that gave it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.monitored_load import Client
from benchmarks.rollout_faults.versions import CONTRACT, SCALES
from tests.bundles import TREE, linear_answer

CLIENTS = 4
PAUSE_S = 0.01
"""The pause of a client between two requests."""
RELATIVE_TOLERANCE = 1e-9
"""Sums of seven float64 in another order."""


@dataclass
class LiveVersions:
    """The times at which each version may answer.

    Args:
        version: the version that is live at the start.
    """

    version: str
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.allow(self.version)

    def allow(self, version: str) -> None:
        """Let a version answer from now on."""
        spans = self.spans.setdefault(version, [])
        if not spans or spans[-1][1] < float("inf"):
            spans.append((time.monotonic(), float("inf")))

    def allow_only(self, version: str) -> None:
        """Let all other versions answer no request that is sent after now."""
        now_s = time.monotonic()
        for other, spans in self.spans.items():
            if other != version and spans:
                spans[-1] = (spans[-1][0], min(spans[-1][1], now_s))

    def may_answer(self, version: str, sent_s: float, answered_s: float) -> bool:
        """Return whether a version was live at some time between a request and its answer."""
        return any(since_s <= answered_s and sent_s <= until_s for since_s, until_s in self.spans.get(version, ()))


class KnownLoad:
    """Clients that send rows and check every answer.

    Args:
        address: the address of the service.
        live: the versions that may answer.
        key: the API key; None without keys.
    """

    def __init__(self, address: str, live: LiveVersions, key: str | None = None) -> None:
        self._failures: list[tuple[str, float]] = []
        self.wrong: list[str] = []
        """Answers with another number than the version's."""
        self._answers: list[tuple[str, float, float]] = []
        self._address = address
        self._live = live
        self._key = key
        self._lock = threading.Lock()
        self._end = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the load until the block ends."""
        threads = [threading.Thread(target=self._predict, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.end()
            for thread in threads:
                thread.join()

    def end(self) -> None:
        """Send no further request."""
        self._end.set()

    def count(self) -> int:
        """Return the number of answers."""
        with self._lock:
            return len(self._answers)

    def foreign_answers(self) -> list[tuple[str, float, float]]:
        """Return the answers of versions that were not live: version, time of the request, time of the answer."""
        with self._lock:
            return [answer for answer in self._answers if not self._live.may_answer(*answer)]

    def failures_before(self, ended_s: float | None = None) -> Counter[str]:
        """Return the requests without an answer of success, by reason.

        Args:
            ended_s: the time at which the service was told to end. From then on 503 and closed connections are its right answers, which
                are not counted; None: all are counted.
        """
        with self._lock:
            return Counter(
                reason
                for reason, failed_s in self._failures
                if ended_s is None or failed_s < ended_s or not (reason == "503" or not reason.isdigit())
            )

    def versions(self) -> Counter[str]:
        """Return the number of answers of each version."""
        with self._lock:
            return Counter(version for version, _, _ in self._answers)

    def _predict(self, number: int) -> None:
        client, rng = Client(self._address, self._key), random.Random(number)  # noqa: S311 - a seeded load, not a secret
        while not self._end.wait(PAUSE_S):
            row = {**TREE, "age": rng.randint(1, 60), "height": round(rng.uniform(1, 9), 6)}
            sent_s = time.monotonic()
            try:
                status, content = client.request("POST", "/predict", json.dumps(row).encode())
            except OSError as error:
                self._keep_failure(type(error).__name__)
                continue
            answered_s = time.monotonic()
            if status != 200:
                self._keep_failure(str(status))
                continue
            answer = json.loads(content)
            self._keep(row, answer["version"], answer["prediction"], sent_s, answered_s)
        client.close()

    def _keep(self, row: dict[str, object], version: str, value: float, sent_s: float, answered_s: float) -> None:
        expected = SCALES.get(version, float("nan")) * linear_answer(row, CONTRACT)
        is_right = abs(value - expected) <= RELATIVE_TOLERANCE * abs(expected)
        with self._lock:
            self._answers.append((version, sent_s, answered_s))
            if not is_right:
                self.wrong.append(f"{version}: {value!r}, expected {expected!r}")

    def _keep_failure(self, reason: str) -> None:
        with self._lock:
            self._failures.append((reason, time.monotonic()))
