"""The outcome of each request of a run, and the statistics of the run.

Every arrival ends in one of: answered (with some status), abandoned (our client disconnected on purpose), failed (the
connection was lost before the answer), unanswered (no answer arrived before the end of the drain time).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

PROMPT, WRONG, ABANDONED, FAILED = 1, 2, 4, 8
"""Flags of a record, as in ``loadgen.c``."""
RECORD = np.dtype([("taken", "<i8"), ("sent", "<i8"), ("done", "<i8"), ("status", "<i4"), ("flags", "<u4")])
"""One record of the generator's output; times in nanoseconds from the start, 0 for never."""
LAG_SHARE = 0.1
"""A run is void if the generator's own p99 lag is more than this share of the SLO: its latencies describe the
generator rather than the server."""
QUANTILES = (0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class LoadResult:
    """One run. Arrays have shape (N,), one item an arrival."""

    scheduled_ns: NDArray[np.int64]
    """The scheduled time of each arrival, from the start."""
    taken_ns: NDArray[np.int64]
    """The time at which the generator noticed the arrival; 0: the run ended before."""
    sent_ns: NDArray[np.int64]
    """The time at which its request was sent; 0: never."""
    done_ns: NDArray[np.int64]
    """The time at which the last byte of its answer arrived; 0: never."""
    status: NDArray[np.int32]
    """The answer's HTTP status; 0: none."""
    flags: NDArray[np.uint32]
    """PROMPT (a connection was free), WRONG (not this request's answer), ABANDONED, FAILED."""
    seconds: float
    """The schedule's length."""
    connections: int
    counts: dict[str, int] = field(default_factory=dict)
    """The generator's own: ``reopened`` connections, ``connect_failures``, ``waiting_most`` arrivals at once, …"""

    @property
    def rate_per_s(self) -> float:
        """The scheduled rate."""
        return len(self.scheduled_ns) / self.seconds

    @property
    def is_answered(self) -> NDArray[np.bool_]:
        """The arrivals that got an answer with any status."""
        return self.done_ns > 0

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """The arrivals that got their own prediction: 2xx, and not the answer to another request."""
        is_accepted: NDArray[np.bool_] = self.is_answered & (self.status // 100 == 2) & ~self._flagged(WRONG)
        return is_accepted

    @property
    def unanswered(self) -> NDArray[np.bool_]:
        """The arrivals without an answer at the end, sent or not."""
        return ~self.is_answered & ~self._flagged(ABANDONED | FAILED)

    @property
    def hung(self) -> NDArray[np.bool_]:
        """The arrivals that were sent and never answered. Requests that waited for a connection of the generator are not included."""
        return self.unanswered & (self.sent_ns > 0)

    def latencies_s(self) -> NDArray[np.float64]:
        """Return the time from each scheduled arrival to the last byte of its prediction, in seconds.

        Infinite for arrivals without a prediction: refused, failed, unanswered, or answered with another request's. Abandoned
        arrivals are excluded, because no client waits for them. Shape (M,), in the order of the schedule.
        """
        latency = np.where(self.accepted, (self.done_ns - self.scheduled_ns) / 1e9, np.inf)
        awaited: NDArray[np.float64] = latency[~self._flagged(ABANDONED)]
        return awaited

    def within(self, slo_s: float) -> int:
        """Return the number of predictions within the SLO."""
        return int(np.count_nonzero(self.latencies_s() <= slo_s))

    def lag_s(self) -> NDArray[np.float64]:
        """Return the delay of the generator itself in seconds, shape (M,) over the arrivals that it noticed.

        If a connection was free, the time from the scheduled arrival to its sending. If no connection was free, the time
        until the generator noticed the arrival; the server is responsible for the time after that.
        """
        is_noticed = self.taken_ns > 0
        late = np.where(self._flagged(PROMPT), self.sent_ns, self.taken_ns) - self.scheduled_ns
        lag: NDArray[np.float64] = late[is_noticed] / 1e9
        return lag

    def valid(self, slo_s: float) -> bool:
        """Return whether the generator's p99 lag is at most a tenth of the SLO; if not, the run is void."""
        lag = self.lag_s()
        return bool(lag.size) and float(np.quantile(lag, 0.99)) <= LAG_SHARE * slo_s

    def core_share(self) -> float | None:
        """Return the generator's share of its core. The generator never sleeps, so other processes took the rest."""
        if not self.counts.get("elapsed_ns"):
            return None
        return round(self.counts["cpu_ns"] / self.counts["elapsed_ns"], 3)

    def summary(self, slo_s: float) -> dict[str, Any]:
        """Return the statistics of the run for JSON; quantiles are in milliseconds, and None if there is no value."""
        is_answered = self.is_answered
        statuses, numbers = np.unique(self.status[is_answered], return_counts=True)
        latency_ms = (self.done_ns - self.scheduled_ns) / 1e6
        waited_for = len(self.latencies_s())
        good = self.within(slo_s)
        return {
            "rate_per_s": round(self.rate_per_s, 1),
            "seconds": round(self.seconds, 3),
            "connections": self.connections,
            "scheduled": len(self.scheduled_ns),
            "sent": int(np.count_nonzero(self.sent_ns)),
            "answered": {str(status): int(number) for status, number in zip(statuses, numbers, strict=True)},
            "wrong": int(np.count_nonzero(self._flagged(WRONG))),
            "failed": int(np.count_nonzero(self._flagged(FAILED))),
            "abandoned": int(np.count_nonzero(self._flagged(ABANDONED))),
            "unanswered": int(np.count_nonzero(self.unanswered)),
            "hung": int(np.count_nonzero(self.hung)),
            "within_slo": good,
            "within_slo_share": round(good / waited_for, 5) if waited_for else None,
            "goodput_per_s": round(good / self.seconds, 1),
            "accepted_ms": quantiles(latency_ms[self.accepted]),
            "refused_ms": quantiles(latency_ms[is_answered & (self.status == 503)]),
            "lag_ms": quantiles(self.lag_s() * 1e3),
            "valid": self.valid(slo_s),
            "generator_core_share": self.core_share(),
            **self.counts,
        }

    def timeline(self, slo_s: float, bin_s: float = 1.0) -> list[dict[str, Any]]:
        """Return the outcomes of each interval's arrivals: start, arrivals, within the SLO, p50 and p99 in ms."""
        bins = (self.scheduled_ns / 1e9 / bin_s).astype(np.int64)
        accepted = self.accepted
        latency_ms = (self.done_ns - self.scheduled_ns) / 1e6
        rows = []
        for index in range(int(bins[-1]) + 1):
            in_bin = bins == index
            times = latency_ms[in_bin & accepted]
            figures = quantiles(times) or {}
            rows.append(
                {
                    "from_s": round(index * bin_s, 3),
                    "scheduled": int(np.count_nonzero(in_bin)),
                    "within_slo": int(np.count_nonzero(times <= slo_s * 1e3)),
                    "p50_ms": figures.get("p50"),
                    "p99_ms": figures.get("p99"),
                }
            )
        return rows

    def _flagged(self, flag: int) -> NDArray[np.bool_]:
        return (self.flags & flag) > 0


def quantiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    """Return p50, p90, p99, p99.9 and the maximum, to four decimals; None if there is no value."""
    if not values.size:
        return None
    figures = np.quantile(values, QUANTILES)
    named = {f"p{100 * q:g}": round(float(value), 4) for q, value in zip(QUANTILES, figures, strict=True)}
    return {**named, "max": round(float(values.max()), 4)}
