"""A load of known rows over keep-alive connections, while something is done to the replicas."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.loadgen.requests import Requests, http_requests
from benchmarks.loadgen.result import FAILED, WRONG, LoadResult
from benchmarks.loadgen.run import run_load
from benchmarks.loadgen.schedule import poisson
from benchmarks.process import BenchmarkError
from benchmarks.siege.rows import body, prediction

ROWS = 997
"""The number of different rows."""
CONNECTIONS = 32
SLEEP_S = 0.001
"""The load counts answers, so the generator may leave its core to the replicas."""
LIMIT_S = 7200.0
"""The longest time of a load, in seconds."""
BEFORE_S, AFTER_S = 1.5, 2.0
"""The seconds of load before and after the action."""
DRAIN_S = 15.0
"""The time to wait for the last answers, in seconds: longer than a proxy waits before it tries another replica."""


@dataclass
class Outcome:
    """The requests of some windows of load. All times are of the monotonic clock, in seconds."""

    requests: int = 0
    failures: list[tuple[str, float]] = field(default_factory=list)
    """The requests without their own prediction: the reason, and the time at which the request was sent."""
    latencies_ms: list[NDArray[np.float64]] = field(default_factory=list)
    """The latencies of the predictions from the scheduled arrival, one array for each window."""

    def reasons(self) -> Counter[str]:
        """Return the number of failures by reason."""
        return Counter(reason for reason, _ in self.failures)

    def quantile_ms(self, share: float) -> float:
        """Return a quantile of the latencies, in milliseconds."""
        return round(float(np.quantile(np.concatenate(self.latencies_ms), share)), 2)

    def n_slower(self, limit_ms: float) -> int:
        """Return the number of predictions that took longer than a limit."""
        return sum(int(np.count_nonzero(window > limit_ms)) for window in self.latencies_ms)

    def add(self, result: LoadResult) -> None:
        """Add the requests of a window."""
        start_ns = result.counts["start_ns"]
        self.requests += len(result.scheduled_ns)
        self.latencies_ms.append((result.done_ns - result.scheduled_ns)[result.accepted] / 1e6)
        for index in np.flatnonzero(~result.accepted).tolist():
            sent_s = (start_ns + int(result.sent_ns[index] or result.scheduled_ns[index])) / 1e9
            self.failures.append((reason_of(result, index), sent_s))


def reason_of(result: LoadResult, index: int) -> str:
    """Return the reason why a request has no prediction of its own."""
    flags = int(result.flags[index])
    if flags & WRONG:
        return "the answer to another request"
    if result.is_answered[index]:
        return f"status {int(result.status[index])}"
    return "connection closed" if flags & FAILED else "no answer"


def in_flight(result: LoadResult, from_s: float, until_s: float) -> int:
    """Return the number of requests that were sent before a short span of time ended, and were not answered before it began.

    Args:
        result: a window of load.
        from_s: the start of the span on the monotonic clock, in seconds.
        until_s: its end.
    """
    start_ns = result.counts["start_ns"]
    is_sent = (result.sent_ns > 0) & (result.sent_ns <= until_s * 1e9 - start_ns)
    is_open = (result.done_ns == 0) | (result.done_ns >= from_s * 1e9 - start_ns)
    return int(np.count_nonzero(is_sent & is_open))


def known_requests() -> Requests:
    """Return one request for each row, with the beginning of its own answer; each has an id, which its answer must repeat."""
    return http_requests(
        [body(number) for number in range(ROWS)],
        [f'{{"prediction":{prediction(number)!r}'.encode() for number in range(ROWS)],
        ids=True,
    )


def run_under_load(
    addresses: Sequence[str], rate_per_s: float, seed: int, action: Callable[[], None], limit_s: float = LIMIT_S
) -> list[LoadResult]:
    """Send requests at the times of a Poisson process while something is done, and for ``AFTER_S`` more.

    Args:
        addresses: the addresses of proxies; each gets the whole load.
        rate_per_s: the requests per second.
        seed: generates the times and the order of rows.
        action: the load ends after it.
        limit_s: the longest time that the action may take, in seconds.

    Returns:
        The requests of each address.

    Raises:
        BenchmarkError: the load or the action failed, or the action took longer than its limit.
    """
    end = threading.Event()

    def act() -> None:
        try:
            time.sleep(BEFORE_S)
            action()
            time.sleep(AFTER_S)
        finally:
            end.set()

    def load(address: str) -> LoadResult:
        return run_load(
            address,
            poisson(rate_per_s, limit_s, seed),
            known_requests(),
            connections=CONNECTIONS,
            core=None,
            drain_s=DRAIN_S,
            sleep_s=SLEEP_S,
            end=end,
            seed=seed,
        )

    with ThreadPoolExecutor(len(addresses) + 1) as pool:
        acting = pool.submit(act)
        results = list(pool.map(load, addresses))
        if not acting.done():
            raise BenchmarkError(f"the load of {limit_s:g} s ended before the replicas did as expected")
        acting.result()
    return results
