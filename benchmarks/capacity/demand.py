"""The load that a service must carry, its promise, and the readers of the values of the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tabento.errors import TabentoError

MONTH_S = 365.25 / 12 * 86_400
"""The seconds of an average month, 730.5 hours."""
PERIODS_S = {"s": 1.0, "min": 60.0, "h": 3_600.0, "day": 86_400.0, "month": MONTH_S}
PERCENTILES = (0.9, 0.95, 0.99, 0.999)
"""The percentiles that a run of the load generator can show in a few seconds."""
_RATE = re.compile(r"([0-9][0-9,_]*(?:\.[0-9]+)?(?:e[0-9]+)?)(?:\s*/\s*([a-z]+))?", re.IGNORECASE)
_SLO = re.compile(r"(?:p([0-9]+(?:\.[0-9]+)?)\s*=\s*)?([0-9]+(?:\.[0-9]+)?)\s*(ms|s)")
_FACTOR = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*x?")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)")
_DURATIONS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}


class DemandError(TabentoError):
    """A value of the demand is not valid."""


@dataclass(frozen=True)
class Slo:
    """The promise of the answers' time."""

    latency_s: float
    percentile: float = 0.99
    """The share of the answers within ``latency_s``."""

    def __str__(self) -> str:
        return f"p{100 * self.percentile:g} <= {1e3 * self.latency_s:g} ms"


@dataclass(frozen=True)
class Demand:
    """The load and the promise."""

    rate_per_s: float
    """The requests of a second in the busiest hour, without bursts."""
    slo: Slo
    availability: float = 0.999
    """The share of the time in which enough replicas must be ready."""
    burst: float = 1.0
    """The rate of a burst as a multiple of ``rate_per_s``."""
    rows_each: int = 1
    """The rows of a request."""
    network_s: float = 0.0
    """The part of the latency that network and proxy take; the service must answer in the rest."""

    def __post_init__(self) -> None:
        if not (self.rate_per_s > 0 and 0 < self.availability < 1 and self.burst >= 1 and self.rows_each >= 1):
            raise DemandError(
                "expected a rate above 0, an availability between 0 and 100%, a burst of at least 1 and at least 1 row, got"
                f" {self.rate_per_s:g}/s, {100 * self.availability:g}%, {self.burst:g} and {self.rows_each}"
            )
        if not 0 <= self.network_s < self.slo.latency_s:
            raise DemandError(
                "expected a time of network and proxy from 0 to below the latency of the promise, got"
                f" {1e3 * self.network_s:g} ms and {1e3 * self.slo.latency_s:g} ms"
            )

    @property
    def service_slo(self) -> Slo:
        """The promise of the service itself."""
        return Slo(round(self.slo.latency_s - self.network_s, 9), self.slo.percentile)


def parse_rate(text: str) -> float:
    """Return the requests per second of a text such as ``1000``, ``10000/min`` or ``1e6/month``.

    Raises:
        DemandError: the text is not a rate.
    """
    match = _RATE.fullmatch(text.strip())
    period_s = PERIODS_S.get((match[2] or "s").lower()) if match else None
    if match is None or period_s is None:
        raise DemandError(
            f"expected a rate such as 1000, 1000/s, 10000/min or 1e6/month (per {', '.join(PERIODS_S)}), got {text!r}"
        )
    return float(match[1].replace(",", "").replace("_", "")) / period_s


def parse_slo(text: str) -> Slo:
    """Return the promise of a text such as ``p99=100ms`` or ``100ms``, which means the p99.

    Raises:
        DemandError: the text is not a promise, or its percentile cannot be measured.
    """
    match = _SLO.fullmatch(text.strip().lower())
    percentile = 0.99 if match is None or match[1] is None else round(float(match[1]) / 100, 6)
    if match is None or percentile not in PERCENTILES or float(match[2]) == 0:
        names = ", ".join(f"p{100 * share:g}" for share in PERCENTILES)
        raise DemandError(f"expected a percentile ({names}) and a time such as p99=100ms or p95=0.05s, got {text!r}")
    return Slo(float(match[2]) * _DURATIONS_S[match[3]], percentile)


def parse_share(text: str) -> float:
    """Return the share of a percentage such as ``99.9`` or ``99.9%``.

    Raises:
        DemandError: the text is not a percentage between 0 and 100.
    """
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise DemandError(f"expected a percentage above 0 and at most 100, such as 99.9, got {text!r}")
    return share


def parse_factor(text: str) -> float:
    """Return the factor of a text such as ``10x``.

    Raises:
        DemandError: the text is not a factor of at least 1.
    """
    match = _FACTOR.fullmatch(text.strip().lower())
    if match is None or float(match[1]) < 1:
        raise DemandError(f"expected a factor of at least 1, such as 10x, got {text!r}")
    return float(match[1])


def parse_duration(text: str) -> float:
    """Return the seconds of a text such as ``90s``, ``5ms`` or ``30d``.

    Raises:
        DemandError: the text is not a duration.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise DemandError(f"expected a duration such as 5ms, 90s, 2min, 12h or 30d, got {text!r}")
    return float(match[1]) * _DURATIONS_S[match[2]]


def rate_of_users(users: int, think_s: float, response_s: float) -> float:
    """Return the requests per second of users who wait for each answer and then think.

    Little's law for a closed system: users = rate x (response time + think time). See J. D. C. Little, A Proof for the
    Queuing Formula L = λW, Operations Research 9 (1961) 383-387.

    Raises:
        DemandError: a figure is out of range.
    """
    if users < 1 or think_s < 0 or response_s <= 0:
        raise DemandError(
            f"expected at least 1 user, a think time of at least 0 s and a response time above 0 s, got {users},"
            f" {think_s:g} s and {response_s:g} s"
        )
    return users / (think_s + response_s)
