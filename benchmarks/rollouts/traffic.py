"""Simulated traffic of one model: clients with rows of their own, bursts of slow answers, and a challenger with a fault."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tabento.ab_test.arms import UNIT_BUCKETS, ArmCounts
from tabento.ab_test.latency import LATENCY_BINS, LATENCY_BOUNDS_S
from tabento.ab_test.pairs import PairCounts, count_answers, relative_differences

Floats = NDArray[np.float64]

CLIENTS = 20_000
CATEGORY_SHARES = (0.44, 0.32, 0.13, 0.11)
"""The shares of California's categories: below an hour to the ocean, inland, near the ocean, near the bay."""
CATEGORY_VALUES = (240_000.0, 125_000.0, 249_000.0, 259_000.0)
"""The mean answers of the categories."""
ERROR_RATE = 0.001
MEDIAN_S = 0.002
LATENCY_SPREAD = 0.4
"""The deviation of the logarithm of latency."""
BURST_SHARE = 0.03
BURST_FACTOR = 4.0
"""In 3% of all seconds, the computer is busy and all answers take four times as long, those of both versions."""
TRUTH_SHARE = 0.2
"""The share of answers whose true value becomes known."""
RELATIVE_ERROR = 0.2
ROUNDING = 1e-6
"""Two versions never give quite the same number."""
EDGES = tuple(float(edge) for edge in np.geomspace(60_000, 500_000, 9))


@dataclass(frozen=True)
class Fault:
    """The fault of a challenger; the default is none."""

    name: str
    error_rate: float = ERROR_RATE
    slowness: float = 1.0
    """The factor of its latency."""
    category_factor: float = 1.0
    """The factor of its answers in the last category."""
    error_factor: float = 1.0
    """The factor of its deviations from the truth."""
    starts_s: float = 0.0
    """The second of the rollout at which the fault begins."""


@dataclass
class Traffic:
    """Traffic at one rate.

    Args:
        random: the source of chance.
        rate: the mean number of requests a second.
        fault: the fault of the challenger.
        is_sticky: whether all requests of a client have the same arm; else each request is drawn.
    """

    random: np.random.Generator
    rate: float
    fault: Fault
    is_sticky: bool
    _weights: Floats = field(init=False)
    _categories: NDArray[np.int64] = field(init=False)
    _values: Floats = field(init=False)
    _positions: Floats = field(init=False)
    _seen: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        # Few clients send much: Zipf's law with exponent 1.
        weights = 1.0 / np.arange(1, CLIENTS + 1)
        self._weights = np.cumsum(weights / weights.sum())
        self._categories = self.random.choice(len(CATEGORY_SHARES), CLIENTS, p=CATEGORY_SHARES)
        self._values = np.asarray(CATEGORY_VALUES)[self._categories] * self.random.lognormal(0, 0.4, CLIENTS)
        self._positions = self.random.random(CLIENTS)
        self.start_step()

    def start_step(self) -> None:
        """Forget which clients were counted: the counts of a step begin at 0."""
        self._seen = np.zeros(CLIENTS, np.bool_)

    def second(
        self, share: float, time_s: float, champion: ArmCounts, challenger: ArmCounts, pairs: PairCounts | None
    ) -> None:
        """Add the requests of one second to the counts.

        Args:
            share: the challenger's share of the clients. Without effect in a shadow.
            time_s: the seconds since the rollout began.
            champion: the counts of the champion.
            challenger: the counts of the challenger.
            pairs: the compared rows of a shadow, in which both versions answer all rows; None for a canary.
        """
        clients = np.minimum(
            np.searchsorted(self._weights, self.random.random(self.random.poisson(self.rate))), CLIENTS - 1
        )
        burst = BURST_FACTOR if self.random.random() < BURST_SHARE else 1.0
        is_fault = time_s >= self.fault.starts_s
        fault = self.fault if is_fault else Fault("none")
        if pairs is not None:
            self._count(champion, clients, Fault("none"), burst, None)
            self._count(challenger, clients, fault, burst, None)
            values = self._answers(clients, Fault("none"))
            pairs.observe(
                relative_differences(values, self._answers(clients, fault)), np.zeros(len(clients), np.bool_), 0.1
            )
            return
        positions = self._positions[clients] if self.is_sticky else self.random.random(len(clients))
        is_challenger = positions < share
        if self.is_sticky:
            buckets = np.bincount(clients % UNIT_BUCKETS, minlength=UNIT_BUCKETS).tolist()
            champion.units = [a + b for a, b in zip(champion.units, buckets, strict=True)]
        for counts, arm_clients, arm_fault in (
            (champion, clients[~is_challenger], Fault("none")),
            (challenger, clients[is_challenger], fault),
        ):
            firsts = None
            if self.is_sticky:
                # As in the service, the first request of each client counts for the distribution of answers.
                firsts = np.unique(arm_clients)
                firsts = firsts[~self._seen[firsts]]
                self._seen[firsts] = True
            self._count(counts, arm_clients, arm_fault, burst, firsts)

    def _answers(self, clients: NDArray[np.int64], fault: Fault) -> Floats:
        factor = np.where(self._categories[clients] == len(CATEGORY_SHARES) - 1, fault.category_factor, 1.0)
        noise = 1.0 + ROUNDING * self.random.standard_normal(len(clients))
        return np.asarray(self._values[clients] * factor * noise, np.float64)

    def _count(
        self,
        counts: ArmCounts,
        clients: NDArray[np.int64],
        fault: Fault,
        burst: float,
        firsts: NDArray[np.int64] | None,
    ) -> None:
        count = len(clients)
        errors = int(self.random.binomial(count, fault.error_rate))
        latencies_s = MEDIAN_S * burst * fault.slowness * self.random.lognormal(0, LATENCY_SPREAD, count - errors)
        bins = np.bincount(np.searchsorted(LATENCY_BOUNDS_S, latencies_s, side="left"), minlength=LATENCY_BINS)
        counts.requests += count
        counts.errors += errors
        counts.rows += count - errors
        counts.latencies = [a + b for a, b in zip(counts.latencies, bins.tolist(), strict=True)]
        counts.latency_us += round(1e6 * float(latencies_s.sum()))
        counted_clients = clients if firsts is None else firsts
        if len(counted_clients):
            histogram = count_answers(self._answers(counted_clients, fault), EDGES, len(EDGES) + 1)
            before = counts.answers.get("value", [0] * len(histogram))
            counts.answers["value"] = [a + b for a, b in zip(before, histogram, strict=True)]
        clients_with_truth = clients[self.random.random(count) < TRUTH_SHARE]
        deviations = np.abs(
            self._values[clients_with_truth] * RELATIVE_ERROR * self.random.standard_normal(len(clients_with_truth))
        )
        losses = fault.error_factor * deviations
        counts.losses.count += len(losses)
        counts.losses.total += float(losses.sum())
        counts.losses.squares += float((losses * losses).sum())
