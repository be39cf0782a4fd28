"""The arithmetic: from the measured figures of one core and a demand to replicas, availability, memory and cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from benchmarks.capacity.availability import (
    Losses,
    enough_replicas_share,
    replicas_for_availability,
    replicas_for_zone_loss,
)
from benchmarks.capacity.demand import MONTH_S, Demand, DemandError
from benchmarks.capacity.figures import ServiceFigures
from benchmarks.capacity.queueing import md1_rate, mm1_rate

HOUR_S = 3_600.0
MEMORY_FACTOR = 1.25
"""Requested over measured memory: room for longer bodies, a second version during a rollout, and growth of caches."""
MEMORY_STEP_MIB = 32
PLAUSIBLE_SHARE = 0.6
"""If the measured rate is below this share of the rate without batches, something else limited the measurement."""


@dataclass(frozen=True)
class Prices:
    """The prices of a provider, given by the user, in any currency."""

    core_hour: float | None = None
    gib_hour: float = 0.0
    budget_a_month: float | None = None
    """The amount that the replicas may cost in a month."""

    def __post_init__(self) -> None:
        amounts = (self.core_hour or 0.0, self.gib_hour, self.budget_a_month or 0.0)
        if min(amounts) < 0:
            raise DemandError(f"expected prices and a budget of at least 0, got {', '.join(f'{v:g}' for v in amounts)}")


@dataclass(frozen=True)
class Reserves:
    """The capacity that is kept free, and for what."""

    headroom: float = 0.3
    """The share of the measured rate that no replica is planned to use."""
    lost: int = 1
    """The replicas that can be lost at the same time."""
    updating: int = 1
    """The replicas that a rolling update takes away at the same time; 0 if it adds one first (maxUnavailable 0)."""
    zones: int = 1
    """The number of zones; with two or more, the loss of one zone is planned for."""
    cores: float = 1.0
    """The cores that one replica reserves and pays for."""

    def __post_init__(self) -> None:
        if not (0 <= self.headroom < 1 and self.lost >= 0 and self.updating >= 0 and self.zones >= 1):
            raise DemandError(
                "expected a headroom from 0 to below 100%, lost and updating replicas of at least 0 and at least 1 zone, got"
                f" {100 * self.headroom:g}%, {self.lost}, {self.updating} and {self.zones}"
            )
        if not 0 < self.cores <= 1:
            raise DemandError(
                f"expected the cores of a replica above 0 and at most 1, got {self.cores:g}. A replica has one worker, which"
                " uses one core: plan more replicas instead of more cores."
            )


@dataclass(frozen=True)
class ReplicaPlan:
    """The answer: the replicas of a demand and everything that follows from their number."""

    demand: Demand
    figures: ServiceFigures
    reserves: Reserves
    losses: Losses
    prices: Prices
    held_per_s: float
    """The rate that one core holds within the promise."""
    usable_per_s: float
    """The rate that one replica is planned to carry."""
    for_load: int
    """The replicas that the rate needs."""
    for_availability: int
    """The replicas of which enough are ready for the wanted share of the time."""
    for_zone_loss: int
    """The replicas of which enough remain after the loss of a zone; ``for_load`` if zones are not planned for."""
    for_burst: int
    """The replicas that answer the burst at once, without headroom."""
    replicas: int
    """The number to run."""
    reasons: tuple[str, ...] = field(default=())
    """What decided about the number, the strictest reason first."""

    @property
    def capacity_per_s(self) -> float:
        """The rate that all replicas hold together, without headroom."""
        return self.replicas * self.held_per_s * self.reserves.cores

    @property
    def load_after_losses(self) -> float:
        """The load of a replica, as a share of its measured rate, if the planned replicas are lost and updated."""
        remaining = self.replicas - self.reserves.lost - self.reserves.updating
        return self.demand.rate_per_s / (remaining * self.held_per_s * self.reserves.cores)

    @property
    def availability(self) -> float:
        """The expected share of requests that are answered: enough replicas are ready, and the request is not sent to a lost one."""
        enough = enough_replicas_share(self.replicas, self.for_load, self.losses.replica_availability)
        return enough * (1 - self.losses.failed_share)

    @property
    def holds_burst(self) -> bool:
        """Whether the replicas answer the burst without another replica."""
        return self.replicas >= self.for_burst

    @property
    def memory_mib(self) -> int:
        """The memory to request for one replica."""
        return math.ceil(self.figures.memory_mib * MEMORY_FACTOR / MEMORY_STEP_MIB) * MEMORY_STEP_MIB

    @property
    def predictions_a_month(self) -> float:
        """The rows of an average month at the demanded rate."""
        return self.demand.rate_per_s * self.demand.rows_each * MONTH_S

    @property
    def cost_a_month(self) -> float | None:
        """The price of all replicas in an average month; None if the price of a core is unknown."""
        if self.prices.core_hour is None:
            return None
        hour = self.reserves.cores * self.prices.core_hour + self.memory_mib / 1024 * self.prices.gib_hour
        return self.replicas * hour * MONTH_S / HOUR_S

    @property
    def core_hour_most(self) -> float | None:
        """The highest price of a core and hour within the budget; None without a budget, negative if memory alone exceeds the budget."""
        if self.prices.budget_a_month is None:
            return None
        hours = self.replicas * MONTH_S / HOUR_S
        memory = hours * self.memory_mib / 1024 * self.prices.gib_hour
        return (self.prices.budget_a_month - memory) / (hours * self.reserves.cores)

    @property
    def unbatched_per_s(self) -> tuple[float, float]:
        """The rates of M/M/1 and M/D/1 with the processor time of a request alone, see ``queueing``: the rates without batches."""
        service_s, late = self.figures.alone_us / 1e6, 1 - self.figures.percentile
        latency_s = self.figures.latency_s
        return mm1_rate(service_s, latency_s, late), md1_rate(service_s, latency_s, late)

    @property
    def is_plausible(self) -> bool:
        """Whether the measured rate agrees with the measured processor time: with batches it is rarely lower than without."""
        return self.figures.rate_per_s >= PLAUSIBLE_SHARE * self.unbatched_per_s[1]


def plan_replicas(
    demand: Demand,
    figures: ServiceFigures,
    reserves: Reserves | None = None,
    losses: Losses | None = None,
    prices: Prices | None = None,
) -> ReplicaPlan:
    """Return the number of replicas for a demand.

    Raises:
        DemandError: the figures do not answer the demand's question, or the availability cannot be reached.
    """
    reserves, losses, prices = reserves or Reserves(), losses or Losses(), prices or Prices()
    held_per_s = require_rate(demand, figures)
    per_replica = held_per_s * reserves.cores
    usable = per_replica * (1 - reserves.headroom)
    for_load = replicas_for_rate(demand.rate_per_s, usable)
    for_availability = replicas_for_availability(for_load, demand.availability, losses.replica_availability)
    for_zone_loss = replicas_for_zone_loss(for_load, reserves.zones) if reserves.zones > 1 else for_load
    candidates = {
        f"the load, {reserves.lost} lost and {reserves.updating} updating": for_load
        + reserves.lost
        + reserves.updating,
        "the availability": for_availability,
        f"the loss of one of {reserves.zones} zones": for_zone_loss,
    }
    replicas = max(candidates.values())
    return ReplicaPlan(
        demand=demand,
        figures=figures,
        reserves=reserves,
        losses=losses,
        prices=prices,
        held_per_s=held_per_s,
        usable_per_s=usable,
        for_load=for_load,
        for_availability=for_availability,
        for_zone_loss=for_zone_loss,
        for_burst=replicas_for_rate(demand.burst * demand.rate_per_s, per_replica),
        replicas=replicas,
        reasons=tuple(reason for reason, count in candidates.items() if count == replicas),
    )


def replicas_for_rate(rate_per_s: float, per_replica_per_s: float) -> int:
    """Return the number of replicas that carry a rate."""
    return max(1, math.ceil(rate_per_s / per_replica_per_s - 1e-9))


def require_rate(demand: Demand, figures: ServiceFigures) -> float:
    """Return the rate that a service holds within the promise of a demand.

    Raises:
        DemandError: the figures are of another number of rows, of a lower percentile, or no measured rate keeps the promise.
    """
    if figures.rows_each != demand.rows_each:
        raise DemandError(
            f"the figures are of {figures.rows_each} rows in a request, expected {demand.rows_each}. Measure again without --measured."
        )
    rate_per_s = figures.rate_within(demand.service_slo)
    if rate_per_s is None:
        raise DemandError(
            f"the figures are of p{100 * figures.percentile:g} <= {1e3 * figures.latency_s:g} ms, and no measured rate keeps"
            f" {demand.service_slo}. Measure again without --measured."
        )
    return rate_per_s
