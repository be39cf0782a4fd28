"""What happened to each request of a run, and the figures made of it.

Every arrival ends in one of: answered (with some status), abandoned (our client went away on purpose), failed (the
connection was lost before the answer), unanswered (nothing came until the drain time was over).
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
"""A run is void when the generator's own p99 lag is more than this share of the SLO: its latencies say more about the
generator than about the server."""
QUANTILES = (0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class LoadResult:
    """One run. Arrays have shape (N,), one item an arrival."""

    scheduled_ns: NDArray[np.int64]
    """When each arrival was due, from the start."""
    taken_ns: NDArray[np.int64]
    """When the generator saw that; 0: the run ended before."""
    sent_ns: NDArray[np.int64]
    """When its request went out; 0: never."""
    done_ns: NDArray[np.int64]
    """When the last byte of its answer came; 0: never."""
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
    def answered(self) -> NDArray[np.bool_]:
        """Which got an answer, whatever it says."""
        return self.done_ns > 0

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which got a prediction of their own: 2xx, and not another's."""
        own: NDArray[np.bool_] = self.answered & (self.status // 100 == 2) & ~self._flagged(WRONG)
        return own

    @property
    def unanswered(self) -> NDArray[np.bool_]:
        """Which were still without an answer at the end, sent or not."""
        return ~self.answered & ~self._flagged(ABANDONED | FAILED)

    @property
    def hung(self) -> NDArray[np.bool_]:
        """Which were sent and never answered: what still waited here for a connection is not the server's doing."""
        return self.unanswered & (self.sent_ns > 0)

    def latencies_s(self) -> NDArray[np.float64]:
        """Return the time from each scheduled arrival to the last byte of its prediction, in seconds.

        Infinite for what got none: refused, failed, unanswered, or answered with another's. Abandoned ones are left
        out: nobody waits for them. Shape (M,), in the order of the schedule.
        """
        latency = np.where(self.accepted, (self.done_ns - self.scheduled_ns) / 1e9, np.inf)
        kept: NDArray[np.float64] = latency[~self._flagged(ABANDONED)]
        return kept

    def within(self, slo_s: float) -> int:
        """Return how many predictions came within the SLO."""
        return int(np.count_nonzero(self.latencies_s() <= slo_s))

    def lag_s(self) -> NDArray[np.float64]:
        """Return how late the generator itself was, in seconds, shape (M,) over the arrivals that it saw.

        Where a connection was free: from the scheduled arrival to its sending. Where none was: until the generator saw
        the arrival; what comes after is the server's to answer for.
        """
        seen = self.taken_ns > 0
        late = np.where(self._flagged(PROMPT), self.sent_ns, self.taken_ns) - self.scheduled_ns
        lag: NDArray[np.float64] = late[seen] / 1e9
        return lag

    def valid(self, slo_s: float) -> bool:
        """Say whether the generator's p99 lag is at most a tenth of the SLO; if not, the run is void."""
        lag = self.lag_s()
        return bool(lag.size) and float(np.quantile(lag, 0.99)) <= LAG_SHARE * slo_s

    def core_share(self) -> float | None:
        """Return how much of its core the generator had: it never sleeps, so below 1 others took the rest."""
        if not self.counts.get("elapsed_ns"):
            return None
        return round(self.counts["cpu_ns"] / self.counts["elapsed_ns"], 3)

    def summary(self, slo_s: float) -> dict[str, Any]:
        """Return the figures of the run for JSON; quantiles in milliseconds, None where there is nothing to rank."""
        answered = self.answered
        statuses, numbers = np.unique(self.status[answered], return_counts=True)
        whole = (self.done_ns - self.scheduled_ns) / 1e6
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
            "accepted_ms": quantiles(whole[self.accepted]),
            "refused_ms": quantiles(whole[answered & (self.status == 503)]),
            "lag_ms": quantiles(self.lag_s() * 1e3),
            "valid": self.valid(slo_s),
            "generator_core_share": self.core_share(),
            **self.counts,
        }

    def timeline(self, slo_s: float, bin_s: float = 1.0) -> list[dict[str, Any]]:
        """Return what became of the arrivals of each interval: start, arrivals, within the SLO, p50 and p99 in ms."""
        places = (self.scheduled_ns / 1e9 / bin_s).astype(np.int64)
        accepted = self.accepted
        latency_ms = (self.done_ns - self.scheduled_ns) / 1e6
        rows = []
        for place in range(int(places[-1]) + 1):
            mine = places == place
            times = latency_ms[mine & accepted]
            figures = quantiles(times) or {}
            rows.append(
                {
                    "from_s": round(place * bin_s, 3),
                    "scheduled": int(np.count_nonzero(mine)),
                    "within_slo": int(np.count_nonzero(times <= slo_s * 1e3)),
                    "p50_ms": figures.get("p50"),
                    "p99_ms": figures.get("p99"),
                }
            )
        return rows

    def _flagged(self, flag: int) -> NDArray[np.bool_]:
        return (self.flags & flag) > 0


def quantiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    """Return p50, p90, p99, p99.9 and the maximum, to four decimals; None of nothing."""
    if not values.size:
        return None
    figures = np.quantile(values, QUANTILES)
    named = {f"p{100 * q:g}": round(float(value), 4) for q, value in zip(QUANTILES, figures, strict=True)}
    return {**named, "max": round(float(values.max()), 4)}
