"""The availability of replicas that fail and return independently, and the requests that a lost replica costs.

The number of ready replicas is binomial, and a service of n replicas is available while at least k of them are ready: the
k-out-of-n system of reliability theory. See W. Kuo and M. J. Zuo, Optimal Reliability Modeling (2003), chapter 7. One replica is
ready for the share MTBF / (MTBF + repair time) of the time, see Trivedi, Probability and Statistics (2002), section 6.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import bdtrc

from benchmarks.capacity.demand import MONTH_S, DemandError

REPLICAS_MOST = 100_000
"""The largest number of replicas that a search tries."""


@dataclass(frozen=True)
class Losses:
    """The rate at which replicas are lost, and the time until each loss is repaired."""

    between_s: float = 30 * 86_400.0
    """The mean time between two losses of one replica, in seconds: crash, eviction, loss of its node."""
    repair_s: float = 120.0
    """The mean time until another replica is ready in its place: detection, scheduling, pull and start."""
    detection_s: float = 10.0
    """The time for which requests are still sent to a lost replica."""
    is_retried: bool = False
    """Whether the proxy sends a failed request to another replica, see docs/proxies.md."""

    def __post_init__(self) -> None:
        if not (self.between_s > 0 and self.repair_s >= 0 and self.detection_s >= 0):
            raise DemandError(
                "expected a time between losses above 0 s, and repair and detection of at least 0 s, got"
                f" {self.between_s:g} s, {self.repair_s:g} s and {self.detection_s:g} s"
            )

    @property
    def replica_availability(self) -> float:
        """The share of the time in which one replica is ready."""
        return self.between_s / (self.between_s + self.repair_s)

    @property
    def failed_share(self) -> float:
        """The expected share of the requests that fail because they were sent to a lost replica.

        Each of n replicas is lost once in ``between_s`` and then fails 1/n of the requests for ``detection_s``, so the number of
        replicas cancels out.
        """
        return 0.0 if self.is_retried else min(1.0, self.detection_s / self.between_s)


def enough_replicas_share(replicas: int, required: int, replica_availability: float) -> float:
    """Return the share of the time in which at least ``required`` of some replicas are ready.

    Raises:
        DemandError: a figure is out of range.
    """
    if not (required >= 0 and replicas >= 0 and 0 <= replica_availability <= 1):
        raise DemandError(
            f"expected counts of at least 0 and an availability from 0 to 1, got {replicas} replicas, {required} required"
            f" and {replica_availability:g}"
        )
    if required == 0:
        return 1.0
    return 0.0 if replicas < required else float(bdtrc(required - 1, replicas, replica_availability))


def replicas_for_availability(required: int, target: float, replica_availability: float) -> int:
    """Return the smallest number of replicas of which at least ``required`` are ready for the share ``target`` of the time.

    Raises:
        DemandError: no number of replicas up to ``REPLICAS_MOST`` reaches the target.
    """
    replicas = required
    while enough_replicas_share(replicas, required, replica_availability) < target:
        replicas += 1
        if replicas > REPLICAS_MOST:
            raise DemandError(
                f"no number of replicas up to {REPLICAS_MOST:,} has an availability of {100 * target:g}% if each is ready for"
                f" {100 * replica_availability:g}% of the time"
            )
    return replicas


def replicas_for_zone_loss(required: int, zones: int) -> int:
    """Return the smallest number of replicas, spread evenly over zones, of which ``required`` remain if one zone is lost.

    Raises:
        DemandError: there are fewer than two zones.
    """
    if zones < 2:
        raise DemandError(f"expected at least 2 zones, of which one can be lost, got {zones}")
    replicas = required
    while replicas - -(-replicas // zones) < required:
        replicas += 1
    return replicas


def monthly_budget_s(availability: float) -> float:
    """Return the seconds of an average month in which a service may be unavailable."""
    return (1 - availability) * MONTH_S
