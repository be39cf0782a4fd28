"""The number of replicas and its consequences, on figures that can be computed by hand."""

from __future__ import annotations

import pytest

from benchmarks.capacity.availability import Losses
from benchmarks.capacity.demand import MONTH_S, Demand, DemandError, Slo
from benchmarks.capacity.plan import Prices, Reserves, plan_replicas
from benchmarks.capacity.texts import plan_json, plan_text
from tests.benchmarks.capacity.service_figures import service_figures

SLO = Slo(0.1)


def test_load_loss_and_update() -> None:
    """1,400 requests a second need two replicas of 700, and one more for a loss and for an update each."""
    plan = plan_replicas(Demand(1_400, SLO), service_figures())
    assert (plan.for_load, plan.replicas) == (2, 4)
    assert plan.reasons == ("the load, 1 lost and 1 updating",)
    assert plan.load_after_losses == pytest.approx(0.7)
    assert plan.capacity_per_s == 4_000


def test_one_request_more_needs_a_replica_more() -> None:
    """The number is rounded up."""
    assert plan_replicas(Demand(1_401, SLO), service_figures()).for_load == 3
    assert plan_replicas(Demand(0.001, SLO), service_figures()).for_load == 1


def test_unreliable_replicas_decide() -> None:
    """If replicas are ready for half of the time only, the availability needs more of them than the load and its reserves."""
    plan = plan_replicas(Demand(700, SLO), service_figures(), losses=Losses(between_s=100, repair_s=100, detection_s=0))
    assert plan.replicas == plan.for_availability == 10, "1 - 0.5 ** 10 is above 99.9%"
    assert plan.reasons == ("the availability",)
    assert plan.availability == pytest.approx(1 - 0.5**10)


def test_a_zone_decides() -> None:
    """Seven replicas survive the loss of one of two zones if there are fourteen."""
    plan = plan_replicas(Demand(4_900, SLO), service_figures(), Reserves(zones=2))
    assert (plan.for_load, plan.for_zone_loss, plan.replicas) == (7, 14, 14)
    assert plan.reasons == ("the loss of one of 2 zones",)


def test_a_burst_uses_the_headroom() -> None:
    """A burst counts against the whole rate of all replicas."""
    assert plan_replicas(Demand(1_000, SLO, burst=4), service_figures()).holds_burst
    plan = plan_replicas(Demand(1_000, SLO, burst=10), service_figures())
    assert not plan.holds_burst
    assert plan.for_burst == 10


def test_part_of_a_core_carries_a_part() -> None:
    """A quarter of a core carries a quarter of the rate and costs a quarter."""
    prices = Prices(core_hour=0.1, gib_hour=0.0)
    full_core = plan_replicas(Demand(100, SLO), service_figures(), prices=prices)
    quarter = plan_replicas(Demand(100, SLO), service_figures(), Reserves(cores=0.25), prices=prices)
    assert quarter.usable_per_s == pytest.approx(full_core.usable_per_s / 4)
    assert quarter.cost_a_month == pytest.approx((full_core.cost_a_month or 0) / 4)


def test_the_cost_of_a_month() -> None:
    """Three replicas for 730.5 hours, each of a core and 256 MiB."""
    plan = plan_replicas(Demand(10, SLO), service_figures(), prices=Prices(0.04, 0.004, 100.0))
    assert plan.memory_mib == 256, "250 MiB, rounded up to a multiple of 32"
    assert plan.cost_a_month == pytest.approx(3 * 730.5 * (0.04 + 0.001))
    assert plan.core_hour_most == pytest.approx(100 / (3 * 730.5) - 0.001)
    assert plan.predictions_a_month == pytest.approx(10 * MONTH_S)
    assert plan_replicas(Demand(10, SLO), service_figures()).cost_a_month is None


def test_failed_requests_count() -> None:
    """Requests that are sent to a lost replica lower the availability, unless the proxy retries them."""
    failing = plan_replicas(
        Demand(10, SLO), service_figures(), losses=Losses(between_s=1_000, repair_s=0, detection_s=1)
    )
    assert failing.availability == pytest.approx(0.999)
    retried = Losses(between_s=1_000, repair_s=0, detection_s=1, is_retried=True)
    assert plan_replicas(Demand(10, SLO), service_figures(), losses=retried).availability == 1


def test_figures_of_another_question() -> None:
    """Figures of a lower percentile, another number of rows, or a latency that no measured point keeps are refused."""
    for demand in (Demand(1, Slo(0.1, 0.999)), Demand(1, SLO, rows_each=10), Demand(1, Slo(0.0005))):
        with pytest.raises(DemandError, match="Measure again"):
            plan_replicas(demand, service_figures())


def test_a_stricter_promise_uses_a_measured_point() -> None:
    """The p99 at half of the rate is 5 ms, so a promise of 6 ms is kept at this rate; a less strict one at the whole rate."""
    assert plan_replicas(Demand(1, Slo(0.006)), service_figures()).held_per_s == 500
    assert plan_replicas(Demand(1, Slo(0.008), network_s=0.002), service_figures()).held_per_s == 500
    assert plan_replicas(Demand(1, Slo(0.2, 0.95)), service_figures()).held_per_s == 1_000


def test_reserves_are_checked() -> None:
    """Two cores for one worker, no headroom left and a negative price are refused with the reason."""
    with pytest.raises(DemandError, match="one worker"):
        Reserves(cores=2)
    with pytest.raises(DemandError, match="headroom"):
        Reserves(headroom=1.0)
    with pytest.raises(DemandError, match="prices"):
        Prices(core_hour=-1)


def test_the_text_and_the_json_agree() -> None:
    """Both have the number, its reason and the price."""
    demand = Demand(1_400, SLO, burst=10)
    plan = plan_replicas(demand, service_figures(), Reserves(zones=3), prices=Prices(0.04, budget_a_month=100))
    text, content = plan_text(plan), plan_json(plan)
    assert content["replicas"] == plan.replicas == 4
    assert content["load_after_losses"] == pytest.approx(0.7)
    assert "4 replicas of 1 core and 256 MiB, because of the load, 1 lost and 1 updating" in text
    assert f"{plan.cost_a_month:,.2f}, or " in text
    assert "14,000/s against 4,000/s: needs 14 replicas" in text
    assert f"as TABENTO_SLO_P99_MS={1e3 * demand.service_slo.latency_s:g}; " in text
    assert "over 3 zones" in text
    assert "warning" not in text


def test_warnings() -> None:
    """A part of a core, a single replica, and a rate far below the processor time's are warned about."""
    demand = Demand(1, SLO)
    reserves = Reserves(lost=0, updating=0, cores=0.5)
    slow = service_figures(rate_per_s=100.0, points=service_figures().points)
    text = plan_text(plan_replicas(demand, slow, reserves))
    assert text.count("warning:") == 3
    assert "measure again on a quiet machine" in text
